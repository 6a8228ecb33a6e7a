"""Tokens of Microsoft Entra ID.

azure-identity is imported by the first token, and only where no `token_provider` was handed in.

Source: azure-identity 1.27, `DefaultAzureCredential.get_token`; learn.microsoft.com, "How to
configure Azure OpenAI with Microsoft Entra ID authentication", November 2026.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axonflow_core.calls.tokens import Token, Tokens, asking
from axonflow_core.errors import CredentialsError, CredentialsMissing

SCOPE = "https://cognitiveservices.azure.com/.default"


def entra_tokens(provide: Callable[[], str] | None) -> Tokens:
    """The tokens of a program's own function, as `azure.identity.get_bearer_token_provider` makes
    it; without one those of whatever identity this machine has."""
    credential: list[Any] = []

    def ask() -> Token:
        if not credential:
            credential.append(_default_credential())
        token = credential[0].get_token(SCOPE)
        return Token(float(token.expires_on), token.token)

    return Tokens(asking(provide) if provide else ask, _failed)


def _default_credential() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise CredentialsMissing(
            "`identity: entra` needs azure-identity, which is not installed",
            hint='pip install "axonflow-azure-openai[entra]"',
        ) from None
    return DefaultAzureCredential()


def _failed(raised: str) -> CredentialsError:
    return CredentialsError(
        f"no token of Entra ID: {raised}",
        hint="run `az login`, give the machine a managed identity, or set "
        "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
    )
