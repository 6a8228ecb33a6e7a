"""Shadow calls: copies of some calls of a named model, to a target that answers nobody.

A copy is a governed call like every other: checked, paid for, with a record of its own
(`mode: shadow`, and the id of the call that it copies). It begins once the record of its original
is durable, so it delays nobody; what it answers is on record by its tokens, and goes nowhere.

At most `MOST` are under way; beyond that none is made. Whoever closes the generation ends them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping

from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import evolve
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.routing.rules import DEFAULT, Shadow
from axonflow_core.routing.targets import ANY

MOST = 4
"""Copies that one worker has under way."""
SHADOW = "shadow"
"""The mode of a copy."""

_LOG = logging.getLogger(__name__)


class Shadows:
    """The copies of one generation's calls; `ask` makes a governed call."""

    def __init__(
        self,
        rules: Mapping[str, Shadow],
        ask: Callable[[GovernedCall], Awaitable[object]],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._rules = rules
        self._ask = ask
        self._draw = draw
        self._under_way: set[asyncio.Task[None]] = set()

    def consider(self, call: GovernedCall, id: str) -> None:
        """`call` was answered and is on record as `id`: make a copy, where its name has one and the
        draw says so."""
        rule = self._rules.get(call.model or DEFAULT)
        if rule is None or call.copy_of is not None or self._draw() >= rule.share:
            return
        if len(self._under_way) >= MOST:
            _LOG.info("no copy of a call: %d are under way", MOST)
            return
        task = asyncio.get_running_loop().create_task(self._made(_copy(call, id, rule)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _made(self, copy: GovernedCall) -> None:
        try:
            await self._ask(copy)
        except AxonFlowError as error:
            _LOG.error("the copy of a call cannot be recorded: %s", error)

    async def aclose(self) -> None:
        """End the copies that are under way; each is on record as cancelled."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _copy(call: GovernedCall, id: str, rule: Shadow) -> GovernedCall:
    """The operator chose the target, so it need not be a model that the client may name; its
    providers and regions hold."""
    return evolve(
        call,
        caller=evolve(call.caller, models=ANY),
        native=None,
        mode=SHADOW,
        provider=rule.provider,
        model=rule.model,
        is_strict=True,
        copy_of=id,
    )
