"""Azure OpenAI's API over a handler and a verifier: deployments in the path, and `v1`.

Answers say what the content filter found, of the prompt and of the answer; a stream says the former
in a chunk of its own, before all others. Source: learn.microsoft.com, "Content filtering",
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Handler
from axonflow_core.endpoint.credentials import Verifier, bearer_token, first_of, header
from axonflow_core.endpoint.openai_chat import FORM, chat_operation
from axonflow_core.endpoint.operations import Encoder, Kind, Operation
from axonflow_core.endpoint.wire import Wire
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch
from axonflow_openai.endpoint import LISTING, embeddings_operation

from .errors import ERRORS

_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
_SAFE: Mapping[str, Json] = {
    category: {"filtered": False, "severity": "safe"} for category in _CATEGORIES
}
_PROMPT: Json = [{"prompt_index": 0, "content_filter_results": dict(_SAFE)}]


def _filtered_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
    """The native answer, and that the filter found nothing."""
    body = codec.encode_response(completion, facts)
    choices = [{"content_filter_results": dict(_SAFE), **choice} for choice in body["choices"]]
    return {"prompt_filter_results": _PROMPT, **body, "choices": choices}


class _FilteredStream:
    """A stream that begins with what the filter found of the prompt."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._first: list[Json] = [
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": _PROMPT,
            }
        ]

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        first, self._first = self._first, []
        return [*first, *self._encoder.encode(batch)]


def _filtered_stream(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    return _FilteredStream(codec.stream_encoder(context, facts))


def _chat(path: str) -> Operation:
    operation = chat_operation(path)
    form = evolve(FORM, close_answer=_filtered_answer, stream_encoder=_filtered_stream)
    return evolve(operation, form=form)


_DEPLOYMENT = "/openai/deployments/{model}"
WIRE = Wire(
    name="azure-openai",
    errors=ERRORS,
    operations=(
        _chat(f"{_DEPLOYMENT}/chat/completions"),
        embeddings_operation(f"{_DEPLOYMENT}/embeddings"),
        _chat("/openai/v1/chat/completions"),
        embeddings_operation("/openai/v1/embeddings"),
        Operation(
            name="models", kind=Kind.MODELS, method="GET", path="/openai/v1/models", codec=LISTING
        ),
    ),
    presented=first_of(header("api-key"), bearer_token),
    request_id_header="apim-request-id",
    call_query=("api-version",),
)


def azure_openai_app(handler: Handler, verifier: Verifier) -> AsgiApp:
    """The endpoint that `openai.AzureOpenAI` talks to: `ProviderSpec.ingress`."""
    return dialect_app(WIRE, handler, verifier)
