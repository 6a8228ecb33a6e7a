"""Tokens of Microsoft Entra ID, for the header `authorization`.

A token is asked for in a thread, once for all calls that wait for it, and kept. One that has less
than `AHEAD_S` left is replaced while calls still use it; one that ends is waited for.
azure-identity is imported by the first token, and only where no `token_provider` was handed in.

Source: azure-identity 1.27, `DefaultAzureCredential.get_token`; learn.microsoft.com, "How to
configure Azure OpenAI with Microsoft Entra ID authentication", November 2026.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from axonflow_core.errors import CredentialsError, CredentialsMissing
from axonflow_core.frozen import frozen
from axonflow_core.messages import hidden
from axonflow_core.waiting import SharedWork

SCOPE = "https://cognitiveservices.azure.com/.default"
AHEAD_S = 300.0
"""How long before its end a token is replaced, in seconds."""
_PROVIDED_S = 600.0
"""How long a token of a `token_provider`, which does not say when it ends, is kept: until then the
next one is asked for ahead, `AHEAD_S` after this one came."""
_LEEWAY_S = 30.0
"""What a token must have left to be sent: clocks differ, and the call takes time."""


@frozen
class Token:
    """A token, and when it ends in seconds since 1970."""

    ends_at: float
    text: str = hidden()


class EntraTokens:
    """The tokens of one provider. `ask` is a blocking function that gets a new one."""

    def __init__(self, ask: Callable[[], Token], clock: Callable[[], float] = time.time) -> None:
        self._ask, self._clock = ask, clock
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
        except Exception as error:  # azure-identity and programs raise what they like
            # Its message lists accounts and tenants, which belong in no answer.
            raise CredentialsError(
                f"no token of Entra ID: {type(error).__name__}",
                hint="run `az login`, give the machine a managed identity, or set "
                "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
            ) from error
        return self._token


def provided(provide: Callable[[], str], clock: Callable[[], float] = time.time) -> EntraTokens:
    """The tokens of a program's own function, as `azure.identity.get_bearer_token_provider` makes
    it."""

    def ask() -> Token:
        text = provide()
        if not isinstance(text, str) or not text:
            raise CredentialsError("the token_provider returned no token")
        return Token(clock() + _PROVIDED_S, text)

    return EntraTokens(ask, clock)


def default_tokens() -> EntraTokens:
    """The tokens of whatever identity this machine has."""
    credential: list[Any] = []

    def ask() -> Token:
        if not credential:
            credential.append(_default_credential())
        token = credential[0].get_token(SCOPE)
        return Token(float(token.expires_on), token.token)

    return EntraTokens(ask)


def _default_credential() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise CredentialsMissing(
            "`identity: entra` needs azure-identity, which is not installed",
            hint='pip install "axonflow-azure-openai[entra]"',
        ) from None
    return DefaultAzureCredential()
