"""Every family's InvokeModel and every chat model's Converse, called by unmodified boto3: the table
is the registry.

A native body is written by the family's own codec and its answer is read by boto3 and then by that
codec. So a family that is registered tomorrow, and a model that the table learns of, is called here
without another line.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import orjson
import pytest
from attrs import frozen

from axonflow_bedrock.emulator import emulator, installed_codecs
from axonflow_bedrock.emulator.catalogue import LISTINGS, WITHOUT_CONVERSE
from axonflow_bedrock.emulator.limits import MODELS
from axonflow_bedrock.models.rules import CONVERSE, INVOKE, facts_of
from axonflow_bedrock.serving import serving
from axonflow_bedrock.wire.envelope import METRICS, EnvelopeDecoder, open_answer
from axonflow_bedrock.wire.surfaces import unary_codec_for
from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.emulator.fake_model import THOUGHT
from axonflow_core.fitting import fit
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    user,
)
from axonflow_core.stream import assemble
from axonflow_core.testing.claims import claimed

CODECS = installed_codecs()
ACCOUNT = "111122223333"
IMPORTED = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:imported-model/a1b2c3d4e5f6"
ENDPOINT = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/endpoint-1"
OPAQUE = {"imported": IMPORTED, "marketplace": ENDPOINT}
"""Family whose models have no ids of their own -> an ARN."""

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
WEATHER = Tool(
    "weather",
    "The weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
LIMIT = Inference(max_tokens=200)
QUESTION = CompletionRequest((user("Why is the sky blue?"),), inference=LIMIT)
FOR_A_TOOL = CompletionRequest((user("Ask the tool weather"),), inference=LIMIT, tools=(WEATHER,))
SHOWN = CompletionRequest(
    (Message(Role.USER, (Image(Media(MediaKind.BASE64, PICTURE, "image/png")), Text("Look!"))),),
    inference=LIMIT,
)


# ── what there is to call ─────────────────────────────────────────────────────────────────────────


def ids_by_base() -> Mapping[str, str]:
    """Base id of every listed model -> the id that it is called by in us-east-1."""
    called = {}
    for listing in LISTINGS.values():
        called.update({base_id: base_id for base_id in listing.on_demand})
        for base_id, geos in listing.profiles.items():
            if base_id not in called:
                called[base_id] = f"{'us' if 'us' in geos.split() else 'global'}.{base_id}"
    return called


IDS = ids_by_base()
INVOKED = [codec for codec in CODECS.of_kind(FamilyCodec) if codec.surface == INVOKE]
CHAT_MODELS = sorted(base_id for base_id in IDS if unary_codec_for(CODECS, base_id) is None)


def facts(base_id: str, surface: str) -> ModelFacts:
    return facts_of(base_id, surface, ModelFacts(base_id=base_id), MODELS.entry(base_id))


@frozen
class Called:
    """A model of a family that InvokeModel serves."""

    codec: FamilyCodec
    model_id: str
    facts: ModelFacts

    def has(self, feature: Feature) -> bool:
        return feature in (self.codec.features | self.codec.joins) - self.facts.without


def one_that_takes(feature: Feature | None) -> list[Called]:
    """A model of every InvokeModel codec, where any of its models takes `feature`."""
    models = map(models_of, INVOKED)
    firsts = (
        next((one for one in called if feature is None or one.has(feature)), None)
        for called in models
    )
    return [called for called in firsts if called is not None]


def models_of(codec: FamilyCodec) -> Iterator[Called]:
    if codec.family in OPAQUE:
        yield Called(codec, OPAQUE[codec.family], ModelFacts())
    # A form that no model has for its own is another form of some that do.
    own = (
        codec
        if codec.models
        else next((one for one in INVOKED if codec.name in one.other_forms), codec)
    )
    for base_id in CHAT_MODELS:
        if base_id.startswith(own.models) and CODECS.for_base_id(base_id) is own:
            yield Called(codec, IDS[base_id], facts(base_id, INVOKE))


def table(feature: Feature | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "called", one_that_takes(feature), ids=lambda called: called.codec.name
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving(emulator(CODECS)) as running, closing(running.boto3_client()) as boto3_client:
        yield boto3_client


# ── InvokeModel ───────────────────────────────────────────────────────────────────────────────────


def body_of(called: Called, request: CompletionRequest, *, is_streamed: bool = False) -> bytes:
    fitted = fit(request, called.codec, called.facts, is_streamed=is_streamed)
    body = called.codec.encode_request(fitted.request, called.facts)
    return orjson.dumps({**body, **called.codec.stream_members} if is_streamed else body)


def invoke(client: Any, called: Called, request: CompletionRequest = QUESTION) -> Completion:
    response = client.invoke_model(modelId=called.model_id, body=body_of(called, request))
    native, headers = (
        orjson.loads(response["body"].read()),
        response["ResponseMetadata"]["HTTPHeaders"],
    )
    return open_answer(called.codec, native, called.facts, headers)


def chunks_of(client: Any, called: Called, request: CompletionRequest = QUESTION) -> list[Json]:
    body = body_of(called, request, is_streamed=True)
    response = client.invoke_model_with_response_stream(modelId=called.model_id, body=body)
    return [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]


def summed(called: Called, chunks: list[Json]) -> Completion:
    decoder = EnvelopeDecoder(called.codec, called.facts)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    decoder.finish()
    return assemble(events)


def both(client: Any, called: Called, request: CompletionRequest) -> list[Completion]:
    """The whole answer and, of a family that streams, the sum of the stream."""
    whole = invoke(client, called, request)
    return (
        [whole, summed(called, chunks_of(client, called, request))]
        if called.codec.streams
        else [whole]
    )


@table()
def test_a_question_is_answered_and_counted_in_the_headers(client: Any, called: Called) -> None:
    answer = invoke(client, called)

    assert f"the {called.codec.family} family. You said: " in answer.text
    assert "Why is the sky blue?" in answer.text
    assert answer.stop_reason is StopReason.END_TURN
    assert answer.usage.output_tokens == 16
    assert (answer.usage.input_tokens or 0) >= 5


@table()
def test_a_stream_says_and_counts_the_same(client: Any, called: Called) -> None:
    if not called.codec.streams:
        with pytest.raises(
            client.exceptions.ValidationException, match="The model is unsupported for streaming"
        ):
            chunks_of(client, called)
        return
    whole, chunks = invoke(client, called), chunks_of(client, called)

    streamed = summed(called, chunks)
    (billed,) = (chunk[METRICS] for chunk in chunks if METRICS in chunk)

    assert len(chunks) > 5
    assert (streamed.text, streamed.stop_reason) == (whole.text, whole.stop_reason)
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (
        (whole.usage.input_tokens, whole.usage.output_tokens)
    )
    assert (billed["inputTokenCount"], billed["outputTokenCount"]) == (
        (whole.usage.input_tokens, whole.usage.output_tokens)
    )


@table(Feature.TOOLS)
def test_a_tool_is_called_and_its_result_is_answered(client: Any, called: Called) -> None:
    for answer in both(client, called, FOR_A_TOOL):
        (call,) = (block for block in answer.content if isinstance(block, ToolUse))
        assert (call.name, call.input, answer.stop_reason) == (
            "weather",
            {"city": "example"},
            StopReason.TOOL_USE,
        )

        # Where calls have no ids, the calls that are being answered go back alone: nothing has a
        # place beside them.
        said = answer.content if called.codec.has_call_ids else (call,)
        result = Message(Role.USER, (ToolResult(call.id, (Text("It rains."),)),))
        messages = (*FOR_A_TOOL.messages, Message(Role.ASSISTANT, said), result)
        told = CompletionRequest(messages, inference=LIMIT, tools=(WEATHER,))
        assert all(
            "The tool answered: It rains." in last.text for last in both(client, called, told)
        )


@table(Feature.IMAGES)
def test_a_picture_is_seen(client: Any, called: Called) -> None:
    for answer in both(client, called, SHOWN):
        assert "I was shown 1 picture." in answer.text


def can_be_asked_to_think(called: Called) -> bool:
    return bool(claimed(called.codec, called.facts, None).reasoning_requests)


def thinking() -> list[Called]:
    """The first model that thinks of every InvokeModel codec that can be asked to."""
    models = (next(filter(reasons, models_of(codec)), None) for codec in INVOKED)
    return [one for one in models if one is not None and can_be_asked_to_think(one)]


def reasons(called: Called) -> bool:
    entry = MODELS.entry(called.facts.base_id)
    return entry is not None and entry.supports.get("reasoning", False)


@pytest.mark.parametrize("called", thinking(), ids=lambda called: called.codec.name)
def test_a_model_that_is_asked_to_think_does_so_aloud(client: Any, called: Called) -> None:
    asked = claimed(called.codec, called.facts, None).reasoning_requests[0]

    for answer in both(
        client,
        called,
        CompletionRequest(QUESTION.messages, inference=Inference(max_tokens=2000), reasoning=asked),
    ):
        assert [block.text for block in answer.content if isinstance(block, Reasoning)] == [THOUGHT]
        assert "Why is the sky blue?" in answer.text


def test_every_codec_of_invoke_model_has_a_model_that_was_called_here() -> None:
    ours = [each.codec for each in CODECS if each.distribution == "axonflow-bedrock"]
    assert {called.codec.name for called in one_that_takes(None)} >= {
        codec.name for codec in ours if isinstance(codec, FamilyCodec) and codec.surface == INVOKE
    }


# ── Converse ──────────────────────────────────────────────────────────────────────────────────────

ASKED = {"messages": [{"role": "user", "content": [{"text": "Why is the sky blue?"}]}]}
TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": "weather",
                "description": "The weather.",
                "inputSchema": {"json": WEATHER.input_schema},
            }
        }
    ]
}


def say(role: str, *content: Json) -> dict[str, Json]:
    return {"role": role, "content": list(content)}


def deltas_of(client: Any, **call: Json) -> list[Json]:
    events = client.converse_stream(**call)["stream"]
    return [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]


def streamed_text(client: Any, **call: Json) -> str:
    return "".join(delta.get("text", "") for delta in deltas_of(client, **call))


def content_of(client: Any, base_id: str, *messages: Json, **more: Json) -> list[Json]:
    response = client.converse(modelId=IDS[base_id], messages=list(messages), **more)
    content: list[Json] = response["output"]["message"]["content"]
    return content


def test_every_chat_model_converses_and_streams_the_same(client: Any) -> None:
    for base_id in CHAT_MODELS:
        whole = client.converse(modelId=IDS[base_id], **ASKED)
        (block,) = whole["output"]["message"]["content"]

        assert block["text"].endswith("You said: Why is the sky blue?"), base_id
        assert (whole["stopReason"], whole["usage"]["outputTokens"]) == ("end_turn", 16), base_id
        assert streamed_text(client, modelId=IDS[base_id], **ASKED) == block["text"], base_id


def test_every_chat_model_of_the_table_was_called_here_where_converse_is_documented() -> None:
    told = {entry.base_id for entry in MODELS if entry.mode == "chat"}

    assert len(told) > 100
    assert {base_id.partition(".")[0] for base_id in told - {*CHAT_MODELS}} == {"twelvelabs", "xai"}


@pytest.mark.parametrize("base_id", sorted(WITHOUT_CONVERSE))
def test_a_model_that_holds_no_conversation_is_refused(client: Any, base_id: str) -> None:
    for converse in (client.converse, client.converse_stream):
        with pytest.raises(
            client.exceptions.ValidationException, match="Try again with a supported text or chat"
        ):
            converse(modelId=base_id, **ASKED)


def one_of_each_family(feature: Feature) -> list[Any]:
    """A model of each line of the table that takes `feature` on Converse."""
    found: dict[str, str] = {}
    for base_id in CHAT_MODELS:
        entry = MODELS.entry(base_id)
        if entry is not None and feature not in facts(base_id, CONVERSE).without:
            found.setdefault(entry.family, base_id)
    return [pytest.param(base_id, id=family) for family, base_id in found.items()]


@pytest.mark.parametrize("base_id", one_of_each_family(Feature.TOOLS))
def test_converse_calls_a_tool_and_answers_its_result(client: Any, base_id: str) -> None:
    question = say("user", {"text": "Ask the tool weather"})
    content = content_of(client, base_id, question, toolConfig=TOOLS)
    (call,) = (block["toolUse"] for block in content if "toolUse" in block)
    result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "It rains."}]}}
    told = [question, say("assistant", *content), say("user", result)]

    (last,) = content_of(client, base_id, *told, toolConfig=TOOLS)

    assert (call["name"], call["input"]) == ("weather", {"city": "example"})
    assert "The tool answered: It rains." in last["text"]


@pytest.mark.parametrize("base_id", one_of_each_family(Feature.TOOLS))
def test_converse_streams_a_call_in_pieces_or_says_that_it_cannot(
    client: Any, base_id: str
) -> None:
    call = {
        "modelId": IDS[base_id],
        "messages": [say("user", {"text": "Ask the tool weather"})],
        "toolConfig": TOOLS,
    }
    if not facts(base_id, CONVERSE).has_streamed_tools:
        with pytest.raises(
            client.exceptions.ValidationException, match="tool use in streaming mode"
        ):
            client.converse_stream(**call)
        return

    pieces = [
        delta["toolUse"]["input"] for delta in deltas_of(client, **call) if "toolUse" in delta
    ]

    assert len(pieces) > 1
    assert orjson.loads("".join(pieces)) == {"city": "example"}


@pytest.mark.parametrize("base_id", one_of_each_family(Feature.IMAGES))
def test_converse_sees_a_picture(client: Any, base_id: str) -> None:
    image = {"image": {"format": "png", "source": {"bytes": b64decode(PICTURE)}}}

    (block,) = content_of(client, base_id, say("user", image, {"text": "Look!"}))

    assert "I was shown 1 picture." in block["text"]


ASKED_TO_THINK = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": {
        "thinking": {"type": "enabled", "budget_tokens": 1024}
    },
    "amazon.nova-2-lite-v1:0": {
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}
    },
    "openai.gpt-oss-120b-1:0": {"reasoning_effort": "low"},
    "qwen.qwen3-32b-v1:0": {"reasoning_config": "low"},
}
"""A model of each family that can be told to think -> what tells it."""


@pytest.mark.parametrize("base_id", ASKED_TO_THINK)
def test_converse_hears_a_model_think(client: Any, base_id: str) -> None:
    call = {
        "modelId": IDS[base_id],
        "additionalModelRequestFields": ASKED_TO_THINK[base_id],
        **ASKED,
    }

    thought, text = client.converse(**call)["output"]["message"]["content"]
    deltas = deltas_of(client, **call)

    thoughts = "".join(
        delta["reasoningContent"].get("text", "") for delta in deltas if "reasoningContent" in delta
    )
    assert thought["reasoningContent"]["reasoningText"]["text"] == thoughts == THOUGHT
    assert "".join(delta.get("text", "") for delta in deltas) == text["text"]
    assert "reasoningContent" not in str(
        client.converse(modelId=IDS[base_id], **ASKED)["output"]
    ), "nobody asked"
