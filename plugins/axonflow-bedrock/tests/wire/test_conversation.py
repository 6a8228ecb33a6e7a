"""The middle of a served call, without a server: read, written, in one send for each read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from axonflow_bedrock.converse import CODEC as CONVERSE
from axonflow_bedrock.families.anthropic import CODEC as CLAUDE
from axonflow_bedrock.families.cohere import COMMAND
from axonflow_bedrock.wire import operations
from axonflow_bedrock.wire.conversation import read_call
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.operations import Operation
from axonflow_core.errors import MalformedRequest
from axonflow_core.messages import Completion, StopReason, Text, Usage, user
from axonflow_core.provider import CompletionStream, ForwardedAnswer
from axonflow_core.stream import Batch, Ended, Stopped, TextDelta

FACTS = ModelFacts()
CONTEXT = StreamContext("answer-1", "model-1", 0)
BODY = b'{"messages": [ {"role": "user", "content": [{"text": "Hi"}]} ]}'
WORDS: tuple[Batch, ...] = tuple((TextDelta(f"{number} ", 0),) for number in range(20))
END: Batch = (Stopped(StopReason.END_TURN), Ended())


class Reads(CompletionStream):
    """A stream whose network reads are given."""

    def __init__(self, *reads: tuple[Batch, ...]) -> None:
        self._left = list(reads)
        self.is_closed = False

    async def read(self) -> tuple[Batch, ...]:
        return self._left.pop(0) if self._left else ()

    async def aclose(self) -> None:
        self.is_closed = True


def conversation(
    codec: FamilyCodec, body: bytes, operation: Operation = operations.CONVERSE_STREAM
) -> Conversation:
    call = Call(operation=operation, model="m", body=body, caller="client-1", request_id="r")
    return read_call(call, codec, FACTS)


async def chunks_of(talk: Conversation, stream: Reads) -> list[tuple[Any, ...]]:
    return [together async for together in talk.chunks(CONTEXT, stream)]


async def test_the_chunks_of_one_read_stay_together() -> None:
    talk = conversation(CONVERSE, BODY)

    one = await chunks_of(talk, Reads((*WORDS, END)))
    many = await chunks_of(talk, Reads(*((batch,) for batch in (*WORDS, END))))

    assert len(one) == 1
    assert len(many) == 21
    assert list(one[0]) == [chunk for together in many for chunk in together]


async def test_a_stream_is_closed_when_it_was_written() -> None:
    stream = Reads((END,))

    await chunks_of(conversation(CONVERSE, BODY), stream)

    assert stream.is_closed


@pytest.mark.parametrize(
    ("body", "count"), [(b'{"prompt": "Hi"}', 1), (b'{"prompt": "Hi", "stream": true}', 20)]
)
async def test_a_family_that_was_not_asked_for_pieces_answers_in_one_chunk(
    body: bytes, count: int
) -> None:
    talk = conversation(COMMAND, body, operations.INVOKE_STREAM)

    together = await chunks_of(talk, Reads(*((batch,) for batch in WORDS), (END,)))

    assert sum(map(len, together)) >= count
    assert (sum(map(len, together)) == 1) is (count == 1)


def test_a_call_is_read_and_keeps_its_bytes() -> None:
    native = conversation(CONVERSE, BODY).native

    assert native.request.messages == (user("Hi"),)
    assert (native.codec, native.surface, native.body) == (CONVERSE, "converse", BODY)


def test_a_malformed_call_is_an_error_of_its_client() -> None:
    with pytest.raises(MalformedRequest):
        conversation(CONVERSE, b'{"messages": 7}')


def test_an_answer_goes_out_with_its_counts_where_the_surface_has_them() -> None:
    completion = Completion((Text("Hi."),), StopReason.END_TURN, Usage(3, 2))
    body = b'{"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'

    invoked = conversation(CLAUDE, body, operations.INVOKE).answer(completion)
    conversed = conversation(CONVERSE, BODY, operations.CONVERSE).answer(completion)

    assert invoked.headers["x-amzn-bedrock-output-token-count"] == "2"
    assert (conversed.headers, conversed.body["usage"]["outputTokens"]) == ({}, 2)


def test_an_answer_that_was_kept_goes_out_as_it_came() -> None:
    completion = Completion((Text("Hi."),), StopReason.END_TURN)
    headers = {"x-amzn-bedrock-input-token-count": "3", "server": "upstream"}
    talk = conversation(CONVERSE, BODY, operations.CONVERSE)

    kept = talk.forwarded(ForwardedAnswer(completion, b'{ "as": "it was" }', headers))
    other = talk.forwarded(ForwardedAnswer(completion))

    assert kept.body == b'{ "as": "it was" }'
    assert dict(kept.headers) == {"x-amzn-bedrock-input-token-count": "3"}
    assert orjson.loads(orjson.dumps(other.body)) == talk.answer(completion).body
