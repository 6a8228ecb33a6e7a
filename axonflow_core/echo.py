"""A provider without a service: it answers with the text of the last user message, word by word.

It is part of the core and is loaded like every other provider, by an entry point and a hook, so it
is the shortest complete example of one. Tokens are words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice

from attrs import field, validators

from axonflow_core.frozen import evolve, frozen
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Inference,
    Receipt,
    Role,
    StopReason,
    Usage,
)
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.provider import CompletionStream, Health, Provider
from axonflow_core.stream import Batch, Ended, Started, Stopped, TextDelta, UsageUpdate, assemble

_WORD = re.compile(r"\s*\S+\s*?(?=\s|\Z)|\s+")


@frozen
class EchoConfig:
    """The provider's `config:` section."""

    model: str = "echo"
    """The id of the default model; every other id is accepted too."""
    max_tokens: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """The limit of an answer, in words, where the request has no `max_tokens`."""


class EchoStream(CompletionStream):
    """An answer of the echo provider: one batch of events for each read."""

    def __init__(self, batches: Sequence[Batch], receipt: Receipt) -> None:
        self.receipt = receipt
        self._words = iter(batches)

    async def read(self) -> tuple[Batch, ...]:
        return tuple(islice(self._words, 1))

    async def aclose(self) -> None:
        self._words = iter(())


class EchoProvider:
    """Answers every request with the text of its last user message. Honours `max_tokens`, counted
    in words, and stop sequences; needs no credentials and makes no call."""

    def __init__(self, config: EchoConfig, name: str) -> None:
        self._config = config
        self._name = name

    @property
    def default_model(self) -> str:
        return self._config.model

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        answer = assemble(event for batch in self._answer(request, model) for event in batch)
        return evolve(answer, receipt=self._receipt(model))

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        return EchoStream(self._answer(request, model), self._receipt(model))

    def regions(self, model: str) -> frozenset[str]:
        """None: no call leaves this process."""
        return frozenset()

    async def health(self) -> Health:
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _receipt(self, model: str | None) -> Receipt:
        """The receipt of a call that takes no time and no network."""
        name = model or self.default_model
        return Receipt(
            provider=self._name,
            family="echo",
            surface="echo",
            model=name,
            called=name,
            latency_ms=0,
            first_byte_ms=0,
        )

    def _answer(self, request: CompletionRequest, model: str | None) -> list[Batch]:
        """The batches of an answer: one for each word, then counts, stop reason and terminal
        event."""
        prompt = next(
            (message.text for message in reversed(request.messages) if message.role is Role.USER),
            "",
        )
        limit = request.inference.max_tokens or self._config.max_tokens
        words, stopped = _answer_words(prompt, request.inference, limit)
        usage = Usage(input_tokens=len(_WORD.findall(prompt)), output_tokens=len(words))
        return [
            (Started(model=model or self.default_model),),
            *((TextDelta(word),) for word in words),
            (UsageUpdate(usage), stopped, Ended()),
        ]


def _answer_words(text: str, inference: Inference, limit: int | None) -> tuple[list[str], Stopped]:
    """The words of the answer, and the event with the reason why it ends."""
    stop = _first_stop(text, inference.stop_sequences)
    words = _WORD.findall(text if stop is None else text[: text.index(stop)])
    if limit is not None and len(words) > limit:
        return words[:limit], Stopped(StopReason.MAX_TOKENS)
    if stop is not None:
        return words, Stopped(StopReason.STOP_SEQUENCE, stop_sequence=stop)
    return words, Stopped(StopReason.END_TURN)


def _first_stop(text: str, stops: Sequence[str]) -> str | None:
    """The stop sequence that occurs first in `text`."""
    return min((stop for stop in stops if stop and stop in text), key=text.index, default=None)


def _defaults(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The model of ECHO_MODEL, where it is set."""
    model = environment.get("ECHO_MODEL")
    return {"model": model} if model else EMPTY


def _create(config: EchoConfig, services: Services) -> Provider:
    return EchoProvider(config, services.name)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    """The provider `echo`."""
    return ProviderSpec(
        name="echo",
        display_name="Echo",
        config_type=EchoConfig,
        create=_create,
        needs_event_loop=False,
        credentials=("api_key",),  # of the provider that it stands in for; never read
        config_from_environment=lambda environment: _defaults(environment) or None,
        defaults_from_environment=_defaults,
    )
