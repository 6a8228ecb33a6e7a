"""Tokens that end, and are sent with calls: OAuth tokens of whatever identity a vendor takes.

A token is asked for in a thread, once for all calls that wait for it, and kept. One that has less
than `AHEAD_S` left is replaced while calls still use it; one that ends is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from axonflow_core.converters import described
from axonflow_core.errors import CredentialsError
from axonflow_core.frozen import Unfit, frozen
from axonflow_core.messages import hidden
from axonflow_core.waiting import SharedWork

AHEAD_S = 300.0
"""How long before its end a token is replaced, in seconds."""
PROVIDED_S = 600.0
"""How long a token is kept that a program's own function returned, which does not say when it ends:
until then the next one is asked for ahead."""
_LEEWAY_S = 30.0
"""What a token must have left to be sent: clocks differ, and the call takes time."""


@frozen
class Token:
    """A token, and when it ends in seconds since 1970."""

    ends_at: float
    text: str = hidden()


class Tokens:
    """The tokens of one provider. `ask` is a blocking function that gets a new one; `failed` is
    raised, with the name of what it raised, where that is no `CredentialsError`."""

    def __init__(
        self,
        ask: Callable[[], Token],
        failed: Callable[[str], CredentialsError] = CredentialsError,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask, self._failed, self._clock = ask, failed, clock
        self._token: Token | None = None
        self._asking = SharedWork(self._replace)

    async def token(self) -> str:
        """A token to send now. `CredentialsError` where there is none."""
        token = self._token
        left_s = 0.0 if token is None else token.ends_at - self._clock()
        if token is None or left_s < _LEEWAY_S:
            token = await self._asking.result()
        elif left_s < AHEAD_S:
            self._asking.start()  # this call goes on with the token that it has
        return token.text

    def forget(self, text: str) -> bool:
        """Give up a token that was refused. Whether it was the present one."""
        is_present = self._token is not None and self._token.text == text
        if is_present:
            self._token = None
        return is_present

    def _replace(self) -> Token:
        try:
            self._token = self._ask()
        except CredentialsError:
            raise
        except Exception as error:  # libraries and programs raise what they like
            # Its message may list accounts and tenants, which belong in no answer.
            raise self._failed(type(error).__name__) from error
        return self._token


# ── tokens of a program ───────────────────────────────────────────────────────────────────────────


def token_provider(given: Any) -> Callable[[], str]:
    """A function without arguments that returns a token: a converter for `ProviderSpec.extras`."""
    if not callable(given):
        raise Unfit("a function that returns a token", described(given))
    provide: Callable[[], str] = given
    return provide


def asking(provide: Callable[[], str]) -> Callable[[], Token]:
    """What gets a new token from such a function."""

    def ask() -> Token:
        text = provide()
        if not isinstance(text, str) or not text:
            raise CredentialsError("the token_provider returned no token")
        return Token(time.time() + PROVIDED_S, text)

    return ask
