"""Azure OpenAI's API over a handler and a verifier: deployments in the path, and `v1`."""

from __future__ import annotations

from axonflow_core.endpoint.credentials import bearer_token, first_of, header
from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.openai_chat import FORM, chat_operation, embeddings_operation
from axonflow_core.endpoint.openai_responses import responses_operation
from axonflow_core.endpoint.operations import AnswerForm, Operation, listing_operations
from axonflow_core.endpoint.wire import Wire
from axonflow_core.frozen import evolve
from axonflow_openai.endpoint import LISTING

from .codec import ERRORS, filtered_answer, filtered_stream

_FILTERED = evolve(FORM, close_answer=filtered_answer, stream_encoder=filtered_stream)
_DEPLOYMENT = "/openai/deployments/{model}"


def _operations(form: AnswerForm) -> tuple[Operation, ...]:
    return (
        chat_operation(f"{_DEPLOYMENT}/chat/completions", form=form),
        embeddings_operation(f"{_DEPLOYMENT}/embeddings"),
        chat_operation("/openai/v1/chat/completions", form=form),
        embeddings_operation("/openai/v1/embeddings"),
        listing_operations("/openai/v1/models", LISTING)[0],
    )


WIRE = Wire(
    name="azure-openai",
    errors=ERRORS,
    operations=_operations(_FILTERED),
    presented=first_of(header("api-key"), bearer_token),
    request_id_header="apim-request-id",
    call_query=("api-version",),
)
_RESPONSES = (responses_operation("/openai/v1/responses"), responses_operation("/openai/responses"))
INGRESS = Ingress(wire=evolve(WIRE, operations=(*_operations(FORM), *_RESPONSES)))
"""Its answers have no results of a content filter but those that came from Azure."""
