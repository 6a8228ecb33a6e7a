"""The emulated models: what they answer, whom they refuse, and that a family of somebody else gets
one for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from attrs import evolve

from axonflow_bedrock.emulator import (
    ACCESS_KEY,
    MODELS,
    REFUSED_MODEL,
    REGION,
    emulator,
    environment,
    installed_codecs,
)
from axonflow_bedrock.emulator.catalogue import CATALOGUE, LISTINGS
from axonflow_bedrock.emulator.service import EmulatedBedrock
from axonflow_bedrock.families import anthropic, claude_text, llama, mistral, nova, titan
from axonflow_bedrock.wire import operations
from axonflow_bedrock.wire.endpoint import Call, NativeAnswer, ServiceException
from axonflow_bedrock.wire.envelope import METRICS, EnvelopeDecoder, open_answer
from axonflow_bedrock.wire.surfaces import unary_codec_for
from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, NativeNames
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.emulator.fake_model import MEDIA_TOKENS, answer, tokens
from axonflow_core.emulator.streaming import batches_of
from axonflow_core.endpoint.operations import Operation
from axonflow_core.errors import UndetectedFamily
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    user,
)
from axonflow_core.stream import (
    Batch,
    Ended,
    Stopped,
    StreamEvent,
    TextDelta,
    UsageUpdate,
    assemble,
)

CALLER = "client-1"
QUESTION = CompletionRequest((user("Why is the sky blue?"),), inference=Inference(max_tokens=100))
WEATHER = Tool(
    "weather",
    input_schema={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer"},
            "place": {
                "type": "object",
                "properties": {"zip": {"type": "string"}},
                "required": ["zip"],
            },
        },
        "required": ["city", "unit", "place"],
    },
)


# ── a family of somebody else ─────────────────────────────────────────────────────────────────────
# The smallest codec there is. Whoever writes one registers it like this, and does nothing for the
# emulator.


LANDINGS = NativeNames({"landed": StopReason.END_TURN, "out of fuel": StopReason.MAX_TOKENS})


class RocketChunks:
    """Both directions of a stream: `{"piece": text, "why": reason}`."""

    def feed(self, chunk: Json) -> Batch:
        events: list[StreamEvent] = [TextDelta(chunk["piece"])] if chunk["piece"] else []
        if chunk["why"] is not None:
            events += (Stopped(LANDINGS.decode(chunk["why"]), chunk["why"]), Ended())
        return tuple(events)

    def encode(self, batch: Batch) -> list[Json]:
        text = "".join(event.text for event in batch if isinstance(event, TextDelta))
        stops = [
            LANDINGS.encode(event.reason, None) for event in batch if isinstance(event, Stopped)
        ]
        return [{"piece": text, "why": stops[0] if stops else None}] if text or stops else []


ROCKET = FamilyCodec(
    family="rocket",
    models=("acme.rocket",),
    features=frozenset({Feature.STOP_SEQUENCES}),
    stop_reasons=LANDINGS,
    documented=frozenset({"say", "fuel", "until", "said", "why", "piece"}),
    evidence="invented for this test",
    encode_request=lambda request, facts: {
        "say": request.messages[0].text,
        "fuel": request.inference.max_tokens,
    },
    decode_request=lambda body, facts: CompletionRequest(
        (user(body["say"]),), inference=Inference(max_tokens=body.get("fuel"))
    ),
    encode_response=lambda completion, facts: {
        "said": completion.text,
        "why": LANDINGS.encode(completion.stop_reason or StopReason.END_TURN, None),
    },
    decode_response=lambda body, facts: Completion(
        (Text(body["said"]),), LANDINGS.decode(body["why"]), native_stop_reason=body["why"]
    ),
    stream_decoder=lambda facts: RocketChunks(),
    stream_encoder=lambda context, facts: RocketChunks(),
)

CODECS = (
    anthropic.CODEC,
    claude_text.CODEC,
    nova.CODEC,
    titan.CODEC,
    *llama.CODECS,
    *mistral.CODECS,
    ROCKET,
)
REGISTRY = CodecRegistry(RegisteredCodec(codec, "tests", "1") for codec in CODECS)
INSTALLED = installed_codecs()
SERVICE = EmulatedBedrock(REGISTRY, CATALOGUE)
INSTALLED = installed_codecs()


def call(model: str, body: Json, operation: Operation = operations.INVOKE) -> Call:
    return Call(
        operation=operation,
        model=model,
        body=orjson.dumps(body),
        caller=CALLER,
        request_id="request-1",
    )


def codec_of(model: str) -> tuple[FamilyCodec, ModelFacts]:
    base_id = model.removeprefix("us.")
    return REGISTRY.for_base_id(base_id), ModelFacts(model_id=model, base_id=base_id)


async def ask(model: str, request: CompletionRequest = QUESTION) -> Completion:
    codec, facts = codec_of(model)
    said = await SERVICE(call(model, codec.encode_request(request, facts)))
    assert isinstance(said, NativeAnswer)
    return open_answer(codec, said.body, facts, said.headers)


async def ask_for_chunks(model: str, request: CompletionRequest = QUESTION) -> list[Json]:
    codec, facts = codec_of(model)
    said = await SERVICE(
        call(model, codec.encode_request(request, facts), operations.INVOKE_STREAM)
    )
    assert not isinstance(said, NativeAnswer)
    return [chunk async for together in said for chunk in together]


async def refusal_of(
    model: str, body: Json = None, service: EmulatedBedrock = SERVICE
) -> tuple[int, str, str]:
    with pytest.raises(ServiceException) as raised:
        await service(call(model, body or {}))
    return raised.value.status, raised.value.code, raised.value.message


def calls_of(completion: Completion) -> list[ToolUse]:
    return [block for block in completion.content if isinstance(block, ToolUse)]


def asking(*content: Any, **more: Any) -> CompletionRequest:
    return CompletionRequest((Message(Role.USER, content),), **more)


# ── what a model says ─────────────────────────────────────────────────────────────────────────────


def test_an_answer_names_the_family_and_repeats_the_question() -> None:
    said = answer(QUESTION, "anthropic")

    assert (
        said.text
        == "Here speaks an emulated model of the anthropic family. You said: Why is the sky blue?"
    )
    assert said.stop_reason is StopReason.END_TURN


def test_a_long_question_is_repeated_in_part() -> None:
    said = answer(asking(Text("word " * 1000)), "titan")

    assert said.text.endswith("word word …")
    assert len(said.text) < 250


def test_a_token_is_a_word_with_the_blanks_before_it() -> None:
    text = "  Here speaks\n\nan  emulated model. "

    assert tokens(text) == ["  Here", " speaks", "\n\nan", "  emulated", " model.", " "]


@pytest.mark.parametrize("limit", [1, 2, 5, 14])
def test_no_more_tokens_than_asked_for_are_generated(limit: int) -> None:
    said = answer(evolve(QUESTION, inference=Inference(max_tokens=limit)), "titan")

    assert (said.usage.output_tokens, said.stop_reason) == (limit, StopReason.MAX_TOKENS)
    assert answer(QUESTION, "titan").text.startswith(said.text)


def test_an_answer_that_just_fits_ends_of_itself() -> None:
    length = answer(QUESTION, "titan").usage.output_tokens

    said = answer(evolve(QUESTION, inference=Inference(max_tokens=length)), "titan")

    assert said.stop_reason is StopReason.END_TURN


def test_the_first_stop_sequence_in_the_text_ends_it_and_is_not_said() -> None:
    said = answer(
        evolve(QUESTION, inference=Inference(stop_sequences=("sky", " emulated", ""))), "titan"
    )

    assert said.text == "Here speaks an"
    assert (said.stop_reason, said.stop_sequence) == (StopReason.STOP_SEQUENCE, " emulated")


def test_a_stop_sequence_behind_the_limit_is_never_reached() -> None:
    said = answer(
        evolve(QUESTION, inference=Inference(max_tokens=3, stop_sequences=("emulated",))), "titan"
    )

    assert (said.text, said.stop_reason) == ("Here speaks an", StopReason.MAX_TOKENS)


@pytest.mark.parametrize(
    "choice", [ToolChoice(ToolChoiceMode.ANY), ToolChoice(ToolChoiceMode.TOOL, "weather")]
)
def test_a_tool_that_must_be_used_is_called_with_arguments_that_fit_its_schema(
    choice: ToolChoice,
) -> None:
    said = answer(evolve(QUESTION, tools=(WEATHER,), tool_choice=choice), "anthropic")

    assert said.stop_reason is StopReason.TOOL_USE
    assert said.content[-1] == ToolUse(
        "call_emulated00000000000001",
        "weather",
        {"city": "example", "unit": "celsius", "place": {"zip": "example"}},
    )


@pytest.mark.parametrize(
    "choice", [None, ToolChoice(ToolChoiceMode.AUTO), ToolChoice(ToolChoiceMode.NONE)]
)
def test_a_tool_that_may_be_used_is_not(choice: ToolChoice | None) -> None:
    said = answer(evolve(QUESTION, tools=(WEATHER,), tool_choice=choice), "anthropic")

    assert said.stop_reason is StopReason.END_TURN


def test_the_tool_that_was_named_is_the_one_that_is_called() -> None:
    tools, choice = (Tool("other"), WEATHER), ToolChoice(ToolChoiceMode.TOOL, "weather")

    said = answer(evolve(QUESTION, tools=tools, tool_choice=choice), "anthropic")

    assert [call.name for call in calls_of(said)] == ["weather"]


def test_a_limit_that_cuts_the_text_leaves_no_room_for_a_tool() -> None:
    request = evolve(QUESTION, tools=(WEATHER,), tool_choice=ToolChoice(ToolChoiceMode.ANY))

    said = answer(evolve(request, inference=Inference(max_tokens=3)), "anthropic")

    assert (calls_of(said), said.stop_reason) == ([], StopReason.MAX_TOKENS)


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": ["string", "null"]}, {"properties": None}, {"required": ["x"]}]
)
def test_a_schema_of_any_shape_has_an_example(schema: Json) -> None:
    tools = (Tool("anything", input_schema=schema),)

    said = answer(
        evolve(QUESTION, tools=tools, tool_choice=ToolChoice(ToolChoiceMode.ANY)), "anthropic"
    )

    assert isinstance(said.content[-1], ToolUse)


def test_the_answer_of_a_tool_is_repeated() -> None:
    said = answer(
        asking(ToolResult("1", (Text("It rains."),)), ToolResult("2", "Or not.")), "anthropic"
    )

    assert said.text.endswith("The tool answered: It rains. The tool answered: Or not.")


def test_pictures_and_documents_are_seen_and_counted() -> None:
    media = Media(MediaKind.BASE64, "AAAA")
    said = answer(asking(Image(media), Image(media), Document(media), Text("What?")), "llama")

    assert said.text.endswith("I was shown 2 pictures. I was shown 1 document.")
    assert said.usage.input_tokens == 3 * MEDIA_TOKENS + 1


def test_a_request_without_messages_is_answered() -> None:
    assert answer(CompletionRequest(()), "titan").text


# ── through the codecs ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", [*MODELS, "acme.rocket-v9"])
async def test_every_family_answers_in_its_own_json(model: str) -> None:
    said = await ask(model)

    assert f"the {codec_of(model)[0].family} family" in said.text
    assert "sky blue?" in said.text
    assert said.stop_reason is StopReason.END_TURN
    assert said.usage.output_tokens == len(tokens(said.text))


@pytest.mark.parametrize("model", [*MODELS, "acme.rocket-v9"])
async def test_a_stream_adds_up_to_the_whole_answer(model: str) -> None:
    codec, facts = codec_of(model)
    decoder = EnvelopeDecoder(codec, facts)

    streamed = assemble(
        event for chunk in await ask_for_chunks(model) for event in decoder.feed(chunk)
    )

    decoder.finish()
    assert evolve(streamed, first_byte_latency_ms=None, created=None) == evolve(
        await ask(model), created=None
    )


@pytest.mark.parametrize("model", [*MODELS, "acme.rocket-v9"])
async def test_the_metrics_are_in_the_last_chunk_alone(model: str) -> None:
    *others, last = await ask_for_chunks(model)

    assert len(others) > 10
    assert not any(METRICS in chunk for chunk in others)
    assert last[METRICS].keys() >= {
        "inputTokenCount",
        "outputTokenCount",
        "invocationLatency",
        "firstByteLatency",
    }
    assert last.keys() > {METRICS}


@pytest.mark.parametrize("model", MODELS)
async def test_the_counts_of_the_family_itself_agree_with_the_metrics(model: str) -> None:
    codec, facts = codec_of(model)
    decoder, chunks = codec.stream_decoder(facts), await ask_for_chunks(model)

    metrics = chunks[-1].pop(METRICS)
    usage = assemble(event for chunk in chunks for event in decoder.feed(chunk)).usage

    assert (usage.input_tokens, usage.output_tokens) == (
        metrics["inputTokenCount"],
        metrics["outputTokenCount"],
    )


@pytest.mark.parametrize("model", [MODELS[0], "mistral.mistral-large-2407-v1:0"])
async def test_a_streamed_tool_call_adds_up_to_the_whole_one(model: str) -> None:
    request = evolve(QUESTION, tools=(WEATHER,), tool_choice=ToolChoice(ToolChoiceMode.ANY))
    codec, facts = codec_of(model)
    decoder = EnvelopeDecoder(codec, facts)

    chunks = await ask_for_chunks(model, request)
    streamed = assemble(event for chunk in chunks for event in decoder.feed(chunk))
    whole = await ask(model, request)

    assert streamed.text == whole.text
    assert (
        [call.input for call in calls_of(streamed)]
        == [call.input for call in calls_of(whole)]
        != []
    )
    assert streamed.stop_reason is whole.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize("model", [*MODELS, "acme.rocket-v9"])
async def test_the_same_call_has_the_same_answer(model: str) -> None:
    assert await ask_for_chunks(model) == await ask_for_chunks(model)


async def test_another_question_has_an_answer_of_another_id() -> None:
    one, other = (
        await ask(MODELS[0]),
        await ask(MODELS[0], evolve(QUESTION, messages=(user("And the sea?"),))),
    )

    assert one.id != other.id


async def test_a_body_of_another_family_is_refused_by_the_gate_of_claude() -> None:
    refused = (400, "ValidationException", "anthropic_version: Field required")

    assert await refusal_of(MODELS[0], {"nonsense": True}) == refused


@pytest.mark.parametrize("model", MODELS[1:])
async def test_a_body_of_another_family_is_malformed(model: str) -> None:
    status, code, message = await refusal_of(model, {"nonsense": True})

    assert (status, code) == (400, "ValidationException")
    assert message.startswith("Malformed input request: ")
    assert message.endswith(", please reformat your input and try again.")


@pytest.mark.parametrize(
    "parameters", [{"max_tokens": "5"}, {"max_tokens": -1}, {"max_tokens": True}, {"stop": [5]}]
)
async def test_a_parameter_of_another_type_is_malformed(parameters: Json) -> None:
    body = {"prompt": "<s>[INST] Hi [/INST]", **parameters}

    status, code, message = await refusal_of("mistral.mistral-7b-instruct-v0:2", body)

    assert (status, code) == (400, "ValidationException")
    assert message.startswith("Malformed input request: ")


@pytest.mark.parametrize("members", [{"items": 5}, {"required": [{"a": 1}]}, {"properties": []}])
@pytest.mark.parametrize(
    "model", ["us.anthropic.claude-sonnet-4-20250514-v1:0", "amazon.nova-lite-v1:0"]
)
async def test_a_tool_whose_schema_is_none_is_refused(model: str, members: Json) -> None:
    tools = (Tool("weather", "The weather.", {"type": "object", **members}),)
    codec, facts = codec_of(model)
    body = codec.encode_request(evolve(QUESTION, tools=tools), facts)

    status, code, message = await refusal_of(model, body)

    assert (status, code) == (400, "ValidationException")
    assert message.startswith("tools.0.custom.input_schema: JSON schema is invalid.")


@pytest.mark.parametrize("version", [5, ["1"], {"a": 1}, True], ids=str)
async def test_a_guardrail_whose_version_is_no_text_is_refused(version: Json) -> None:
    named = {"guardrailIdentifier": "abc123", "guardrailVersion": version}
    messages = [{"role": "user", "content": [{"text": "Hi"}]}]
    body = {"messages": messages, "guardrailConfig": named}

    with pytest.raises(ServiceException) as raised:
        await EmulatedBedrock(INSTALLED, CATALOGUE)(
            call("amazon.nova-lite-v1:0", body, operations.CONVERSE)
        )

    refused = (raised.value.status, raised.value.message)
    assert refused == (400, "The provided guardrail version is invalid.")


# ── which models there are ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "model", [REFUSED_MODEL, f"arn:aws:bedrock:us-east-1::foundation-model/{REFUSED_MODEL}"]
)
async def test_a_model_that_needs_a_profile_is_refused_in_the_words_of_aws(model: str) -> None:
    assert await refusal_of(model) == (
        400,
        "ValidationException",
        f"Invocation of model ID {model} with on-demand throughput isn’t supported. Retry your "
        "request with the ID or "
        "ARN of an inference profile that contains this model.",
    )


@pytest.mark.parametrize(
    "model",
    [
        "does-not-exist",
        "nobody.knows-v1:0",
        "amazon.titan-text-expres-v1",
        "mars.anthropic.claude-sonnet-4-20250514-v1:0",
        "eu.meta.llama3-3-70b-instruct-v1:0",  # there is such a model, and no such profile
        "us.amazon.titan-text-express-v1",
        "us.amazon.nova-micro-v1:O",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl",
        "arn:aws:bedrock:us-east-1:123456789012:custom-model/"
        "amazon.titan-text-express-v1:0/abcdefghijkl",
        "../../etc/passwd",
        "a b",
    ],
)
async def test_an_id_of_no_model_is_invalid(model: str) -> None:
    assert await refusal_of(model) == (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
    )


async def test_a_model_without_access_is_denied() -> None:
    model = "amazon.titan-text-express-v1"
    service = EmulatedBedrock(REGISTRY, evolve(CATALOGUE, without_access=frozenset({model})))

    message = "You don't have access to the model with the specified model ID."
    assert await refusal_of(model, service=service) == (403, "AccessDeniedException", message)


@pytest.mark.parametrize("model", ["acme.rocket-v1:0", "acme.rocket-of-tomorrow"])
async def test_a_family_that_the_catalogue_does_not_know_has_every_model(model: str) -> None:
    assert "rocket" in (await ask(model)).text


def catalogued() -> Mapping[str, str]:
    return {
        base_id: family
        for family, listing in LISTINGS.items()
        for base_id in (*listing.on_demand, *listing.profiles)
    }


@pytest.mark.parametrize(("base_id", "family"), sorted(catalogued().items()))
def test_every_listed_model_is_one_of_its_family_or_of_its_vendor(
    base_id: str, family: str
) -> None:
    try:
        found = (unary_codec_for(INSTALLED, base_id) or INSTALLED.for_base_id(base_id)).family
    except UndetectedFamily:  # Converse alone serves it
        found = base_id.partition(".")[0]
    assert found == family


# ── the whole ─────────────────────────────────────────────────────────────────────────────────────


def test_the_emulator_has_a_model_of_each_of_the_four_vendors_and_one_to_refuse() -> None:
    emulated = emulator(REGISTRY)
    vendors = [id.removeprefix("us.").partition(".")[0] for id in emulated.models]
    assert vendors == ["anthropic", "amazon", "meta", "mistral"]
    assert emulated.refused_model == REFUSED_MODEL


def test_the_environment_names_the_endpoint_the_region_and_the_keys() -> None:
    variables = environment("http://127.0.0.1:8000")

    assert variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == "http://127.0.0.1:8000"
    assert (variables["AWS_REGION"], variables["AWS_DEFAULT_REGION"]) == (REGION, REGION)
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SESSION_TOKEN"]) == (ACCESS_KEY, "")
    assert (
        "AWS_BEARER_TOKEN_BEDROCK" not in variables
    )  # an empty one makes botocore send it instead of signing


def test_batches_add_up_to_the_completion_they_were_made_of() -> None:
    request = evolve(QUESTION, tools=(WEATHER,), tool_choice=ToolChoice(ToolChoiceMode.ANY))
    completion = evolve(answer(request, "any"), id="1", model="m", created=5)

    assert assemble(event for batch in batches_of(completion) for event in batch) == completion


def test_the_first_batch_counts_the_input() -> None:
    first = next(iter(batches_of(Completion((Text("hi"),), StopReason.END_TURN, Usage(7, 1)))))

    assert first[1] == UsageUpdate(Usage(7, 1))
