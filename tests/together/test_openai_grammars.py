"""Whatever a model of Bedrock streams, and however it is cut: OpenAI's clients get a chat and a
response of the grammar, which say the same as the whole answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axonflow_core.codec import Codec, FamilyCodec, ModelFacts, StreamContext
from axonflow_core.dialects import openai_chat, openai_responses
from axonflow_core.endpoint import openai_chat as chat
from axonflow_core.endpoint import openai_responses as responses
from axonflow_core.endpoint.framings import sse
from axonflow_core.endpoint.operations import AnswerForm
from axonflow_core.fitting import Fitted
from axonflow_core.messages import Completion, CompletionRequest, StopReason, Usage
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import Batch
from axonflow_core.testing import Claims, streams
from tests.grammar_openai import check_chat, check_responses

FAMILIES = {
    f"{codec.name} {codec.surface}": codec
    for codec in load_codecs("bedrock").registry.of_kind(FamilyCodec)
    if codec.streams
}
FACTS, CONTEXT = ModelFacts(), StreamContext("resp_1", "model_1", 7)
COUNTED: Mapping[str, Any] = {"stream_options": {"include_usage": True}}


def written(
    codec: Codec, form: AnswerForm, batches: list[Batch], body: Mapping[str, Any]
) -> list[Any]:
    """What a client of this codec gets."""
    encoder = form.as_asked(form.stream_encoder(codec, CONTEXT, FACTS), body)
    fitted = Fitted(CompletionRequest("x"), client=codec).stream()
    return [chunk for batch in batches for chunk in encoder.encode(fitted.fit(batch))]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_stream_of_a_family_is_of_both_grammars(family: str, data: st.DataObject) -> None:
    drawn: tuple[Completion, list[Batch]] = data.draw(streams(Claims(codec=FAMILIES[family])))
    answer, batches = drawn
    is_counted = data.draw(st.booleans())

    body = COUNTED if is_counted else {}
    chunks = written(openai_chat.CODEC, chat.FORM, batches, body)
    events = written(openai_responses.CODEC, responses.FORM, batches, {})

    check = partial(check_chat, asks_for_usage=is_counted, knows_usage=answer.usage != Usage())
    assert check(b"".join(map(sse, chunks))) == "done"
    framing = responses.ResponseStream()
    end = check_responses(b"".join(map(framing.frame, events)))
    is_cut = answer.stop_reason in (StopReason.MAX_TOKENS, StopReason.CONTENT_FILTERED)
    assert end == "incomplete" or not is_cut
