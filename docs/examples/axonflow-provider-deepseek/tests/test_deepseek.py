"""The provider is held to every law of providers, and its errors say how to mend them."""

from __future__ import annotations

from axonflow_core.errors import Throttled
from axonflow_core.plugin_spec import find_fix
from axonflow_core.testing import FakeService, provider_test

from axonflow_provider_deepseek import CATALOGUE, CODEC, ERRORS, axonflow_register_provider

test_deepseek = provider_test(
    axonflow_register_provider(),
    service=FakeService(codec=CODEC, errors=ERRORS),
    credentials={"api_key": "sk-planted-0123456789"},
)


def test_an_account_without_balance_is_not_asked_again() -> None:
    body = b'{"error": {"message": "Insufficient Balance"}}'
    error = ERRORS.decode_error(402, {}, body)

    assert isinstance(error, Throttled) and not error.is_retryable


def test_the_fix_of_an_error_is_the_one_of_its_status() -> None:
    error = ERRORS.decode_error(402, {}, b"")

    assert find_fix(CATALOGUE, error) == "add funds to the account, or name another provider"
