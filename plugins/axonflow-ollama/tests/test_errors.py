"""The errors of Ollama keep every law of errors; its words tell what its statuses do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    Throttled,
    Unavailable,
)
from axonflow_core.json import dumps
from axonflow_core.testing import error_laws
from axonflow_ollama.chat.errors import ERRORS
from axonflow_ollama.provider import OllamaService


@pytest.mark.parametrize("law", error_laws(ERRORS), ids=lambda law: law.name)
def test_errors(law: Callable[[], None]) -> None:
    law()


WORDS: tuple[tuple[int | None, str, type[ProviderError], bool], ...] = (
    (404, 'model "qwen3" not found, try pulling it first', ModelNotFound, False),
    (500, "model 'qwen3' not found", ModelNotFound, False),
    (400, "qwen3 does not support tools", InvalidCall, False),
    (400, '"all-minilm" does not support chat', InvalidCall, False),
    (500, "the input length exceeds the context length", ContextExceeded, False),
    (503, "server busy, please try again.  maximum pending requests exceeded", Throttled, True),
    (500, "model requires more system memory (9 GiB) than is available", Unavailable, False),
    (500, "llama runner process has terminated: exit status 2", Unavailable, True),
    (429, "you've reached your hourly usage limit, please wait or upgrade", Throttled, False),
    (429, "you (me) have reached your session usage limit, upgrade", Throttled, False),
    (429, "you've reached your weekly usage limit, please wait or upgrade", Throttled, False),
    (429, "too many concurrent requests", Throttled, True),
    (403, "remote inference is unavailable", AccessDenied, False),
    (None, "an error was encountered while running the model", Unavailable, True),
)
"""Status, None in a stream -> words, class, whether it is repeated."""


@pytest.mark.parametrize(("status", "words", "kind", "is_repeated"), WORDS)
def test_an_error_is_told_by_its_words_then_by_its_status(
    status: int | None, words: str, kind: type[ProviderError], is_repeated: bool
) -> None:
    body = {"error": words}
    error = (
        ERRORS.decode_event(body)
        if status is None
        else ERRORS.decode_error(status, {}, dumps(body))
    )

    assert (type(error), error and error.is_retryable) == (kind, is_repeated)
    assert error is not None and error.native_message == words


def test_the_hint_of_a_model_that_broke_off_in_a_stream_is_not_to_start_ollama() -> None:
    broken = ERRORS.decode_event(
        {"error": "an error was encountered while running the model: unexpected EOF"}
    )

    assert broken is not None
    assert OllamaService.fixes.fix(broken) == "the log of `ollama serve` has the reason"
    assert "ollama serve" in str(OllamaService.fixes.fix(Unavailable("connection refused")))


def test_a_chunk_that_reports_no_error_is_none() -> None:
    assert ERRORS.decode_event({"error": None, "done": True}) is None


def test_the_catalogue_has_every_class_that_the_table_knows() -> None:
    raised = {row.error.code for row in ERRORS.rows}

    # No server of Ollama's asks for a profile: the row is for errors that are passed on.
    assert raised - {"profile_required"} <= {entry.code for entry in OllamaService.fixes()}
