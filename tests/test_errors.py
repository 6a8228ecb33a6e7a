"""An error as a person meets it: in a traceback, in a log, and by its attributes."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest

from axonflow_core.errors import AxonFlowError, RequestError, Throttled

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")


def shown(error: AxonFlowError) -> list[str]:
    """The last lines of the traceback, from the error on."""
    return "".join(traceback.format_exception_only(error)).splitlines()


def test_a_traceback_shows_the_fix_and_whose_call_it_was() -> None:
    error = Throttled("too many calls", hint="wait a minute", retry_after_s=60.0)
    error.enrich(provider="bedrock", model="m-1", request_id="r-1")

    assert shown(error) == [
        "axonflow_core.errors.Throttled: too many calls",
        "fix: wait a minute",
        "call: provider bedrock, model m-1, request id r-1",
    ]


def test_a_traceback_shows_the_hint_that_the_error_has_in_the_end() -> None:
    error = RequestError("no", hint="first")
    error.hint = "second"

    assert shown(error)[1:] == ["fix: second"]


def test_an_error_without_a_hint_has_no_further_line() -> None:
    assert shown(RequestError("no")) == ["axonflow_core.errors.RequestError: no"]


def test_the_text_of_an_error_is_its_message_alone() -> None:
    assert str(RequestError("no", hint="yes")) == "no"


def test_notes_that_others_add_come_last() -> None:
    error = RequestError("no", hint="yes")
    error.add_note("in row 7")

    assert shown(error)[1:] == ["fix: yes", "in row 7"]


def test_an_error_goes_to_another_process_with_its_hint() -> None:
    error = pickle.loads(pickle.dumps(Throttled("no", hint="yes", status=429)))

    assert (shown(error)[1:], error.status) == (["fix: yes"], 429)


def test_words_that_a_provider_chooses_are_bounded() -> None:
    error = Throttled("no", native_code="c" * 20_000).enrich(request_id="r" * 30_000)

    assert (len(error.native_code or ""), len(error.request_id or "")) == (256, 256)


@pytest.mark.parametrize("name", [*AxonFlowError.__annotations__, *Throttled("").__dict__])
def test_the_guide_explains_every_attribute(name: str) -> None:
    assert name.startswith("_") or f"`{name}`" in PAGE
