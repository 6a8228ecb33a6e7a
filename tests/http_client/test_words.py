"""What went wrong in words: the reason that the system gives, and the setting that helps."""

from __future__ import annotations

import errno
import socket

import pytest

from axonflow_core.http import faults
from axonflow_core.http.limits import Limit
from axonflow_core.http.messages import HttpRequest, Timeouts
from axonflow_core.http.request_bytes import endpoint_of

HOST = endpoint_of("https://service.example/secret")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "Name or service not known",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "to 10.0.0.1 failed"), "Connection refused"),
        (OSError("secret"), "OSError"),
        (OSError(), "OSError"),
        (UnicodeError("secret"), "UnicodeError"),
        (ValueError("it chose another protocol"), "it chose another protocol"),
    ],
)
def test_the_reason_is_the_systems_and_quotes_nothing(error: Exception, reason: str) -> None:
    assert str(faults.unconnected(HOST, error)) == f"no connection to service.example: {reason}"


def test_without_an_error_the_other_side_closed() -> None:
    assert str(faults.handshake_failed(HOST, None)).endswith("failed: it closed the connection")


@pytest.mark.parametrize(
    ("limit", "setting"),
    [
        ("connect_s", "`timeouts: {connect_s: …}` in the provider's config"),
        ("first_byte_s", "`timeouts: {first_byte_s: …}` in the provider's config"),
        ("idle_s", "`timeouts: {idle_s: …}` in the provider's config"),
        ("total_s", "`timeout=` of the call, or `timeouts: {total_s: …}` in the provider's config"),
    ],
)
def test_a_time_limit_names_the_setting_that_raises_it(limit: str, setting: str) -> None:
    request = HttpRequest("GET", "http://host", {}, timeouts=Timeouts(**{limit: 2.5}))
    error = faults.timeout(Limit(limit, "body"), HOST, request)
    assert "within 2.5 s" in str(error)
    assert error.hint == f"if that is too short, raise {setting}"
    full = faults.pool_full(Limit(limit, "head"), 9, HOST, request)
    assert str(full.hint).endswith(f"or {setting}")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("connect_s", "connect"), "did not accept a connection within 10 s (connect"),
        (Limit("first_byte_s", "connect"), "did not accept a connection within 600 s (first byte"),
        (
            Limit("total_s", "head"),
            "did not begin its answer within the 0.25 s that were left of 3",
        ),
        (Limit("idle_s", "body"), "sent no more of its answer within 300 s (idle"),
        (Limit("total_s", "body"), "did not finish its answer within the 0.25 s that were left of"),
    ],
)
def test_a_time_limit_names_the_step_that_it_ended(limit: Limit, words: str) -> None:
    request = HttpRequest("GET", "http://host", {}, timeouts=Timeouts(total_s=0.25), given_s=3.0)
    assert str(faults.timeout(limit, HOST, request)).startswith(f"service.example {words}")
