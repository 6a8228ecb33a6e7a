"""The API of a runtime on the core alone: options, tools, output schemas, streams and receipts,
against a fake service of OpenAI's dialect."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

import attrs
import pytest
from toy_chat import answered, asked_of, runtime_on

from axonflow_core import (
    BlockingRuntime,
    Completion,
    CompletionRequest,
    ContentBlock,
    Inference,
    Message,
    OutputSchema,
    ReasoningRequest,
    RequestOptions,
    Role,
    Runtime,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
)
from axonflow_core.asking import question_of
from axonflow_core.errors import (
    AxonFlowError,
    DecodeError,
    InvalidCall,
    RequestError,
)
from axonflow_core.testing import MockTransport

Answering = Callable[[CompletionRequest], Completion | AxonFlowError]
WEATHER = Tool("weather", "The weather of a city.", {"type": "object"})
CLOCK = Tool("clock", "The time in a city.", {"type": "object"})


@attrs.frozen
class City:
    name: str
    population: int


def answering(*content: ContentBlock, stop: StopReason = StopReason.END_TURN) -> Answering:
    return lambda request: Completion(content, stop, Usage(input_tokens=3, output_tokens=2))


def sent(client: MockTransport) -> CompletionRequest:
    """The last request that the service got."""
    return asked_of(client)[-1]


# ── options ───────────────────────────────────────────────────────────────────────────────────────


def asked(*prompt: Any, **options: Any) -> CompletionRequest:
    (text,) = prompt or (None,)
    return question_of(text, cast(RequestOptions, options)).request


def test_every_option_has_its_place_in_the_request() -> None:
    assert asked(
        "Why?",
        system="Be brief.",
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop_sequences="END",
        tools=[WEATHER],
        tool_choice="any",
        reasoning="high",
        metadata={"team": "a"},
        service_tier="flex",
    ) == CompletionRequest(
        (Message(Role.USER, (Text("Why?"),)),),
        system=(Text("Be brief."),),
        inference=Inference(5, 0.5, 0.9, 3, ("END",)),
        tools=(WEATHER,),
        tool_choice=ToolChoice("any"),
        reasoning=ReasoningRequest(effort="high"),
        metadata={"team": "a"},
        service_tier="flex",
    )


@pytest.mark.parametrize(
    "prompt",
    ["hi", user("hi"), [user("hi")], {"role": "user", "content": "hi"}, CompletionRequest("hi")],
)
def test_a_prompt_is_a_text_a_message_a_conversation_or_a_request(prompt: Any) -> None:
    assert asked(prompt) == CompletionRequest((user("hi"),))


def test_messages_come_before_the_prompt() -> None:
    history = [user("My name is Ada."), {"role": "assistant", "content": "Hello Ada."}]

    request = asked("What is my name?", messages=history)

    assert request.messages == (
        user("My name is Ada."),
        assistant("Hello Ada."),
        user("What is my name?"),
    )
    assert asked(messages=history).messages == request.messages[:2]


def test_options_replace_what_a_request_says_and_leave_the_rest() -> None:
    request = CompletionRequest("hi", system="A", inference=Inference(max_tokens=9, seed=1))

    changed = asked(request, system="B", temperature=0)

    assert changed == CompletionRequest(
        "hi", system="B", inference=Inference(max_tokens=9, temperature=0, seed=1)
    )


def test_a_request_without_options_is_sent_as_it_is() -> None:
    request = CompletionRequest("hi")

    assert question_of(request, {}).request is request


@pytest.mark.parametrize(
    ("asking", "reasoning"),
    [
        ("low", ReasoningRequest(effort="low")),
        (2048, ReasoningRequest(budget_tokens=2048)),
        (ReasoningRequest(mode="adaptive"), ReasoningRequest(mode="adaptive")),
        (None, None),
    ],
)
def test_reasoning_is_an_effort_or_a_budget(
    asking: Any, reasoning: ReasoningRequest | None
) -> None:
    assert asked("hi", reasoning=asking).reasoning == reasoning


@pytest.mark.parametrize("mode", ["auto", "any", "none"])
def test_a_tool_choice_is_a_mode(mode: str) -> None:
    assert asked("hi", tools=[WEATHER], tool_choice=mode).tool_choice == ToolChoice(mode)


def test_a_tool_choice_is_the_name_of_a_tool() -> None:
    tool = Tool("tool", "", {"type": "object"})
    request = CompletionRequest("hi", tools=[WEATHER])

    assert asked(request, tool_choice="weather").tool_choice == ToolChoice("tool", "weather")
    assert asked("hi", tools=[tool], tool_choice="tool").tool_choice == ToolChoice("tool", "tool")
    assert asked("hi", tools=tool, tool_choice="tool").tools == (tool,)


def test_a_mapping_with_the_members_of_a_tool_is_one() -> None:
    mapping = {"name": "weather", "description": WEATHER.description, "input_schema": {"a": 1}}

    assert asked("hi", tools=[mapping], tool_choice="weather").tools == (
        attrs.evolve(WEATHER, input_schema={"a": 1}),
    )
    with pytest.raises(RequestError, match="a mapping with `name`, `description`"):
        asked("hi", tools=[{"type": "function", "function": mapping}])


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"tool_choice": "wether", "tools": [WEATHER]}, "no tool 'wether'", "weather"),
        ({"max_token": 5}, "no option 'max_token'", "did you mean max_tokens?"),
        ({"stop": "x"}, "no option 'stop'", "did you mean stop_sequences?"),
        ({"response_format": City}, "no option", "did you mean output_schema?"),
        (
            {"anthropic_beta": ["x"]},
            "no option",
            "CompletionRequest(prompt, options={'anthropic_beta'",
        ),
        ({"inference": None}, "no option 'inference'", "CompletionRequest(prompt, inference=…)"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    options: Any, message: str, hint: str
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        asked("hi", **options)

    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": -1},
        {"max_tokens": "5"},
        {"temperature": "hot"},
        {"temperature": float("nan")},
        {"stop_sequences": [1]},
        {"system": 7},
        {"tools": ["weather"]},
        {"tool_choice": 7},
        {"reasoning": True},
        {"reasoning": -1},
        {"output_schema": 7},
        {"metadata": []},
        {"messages": 7},
        {"messages": [{"content": "hi"}]},
    ],
    ids=repr,
)
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field(options: Any) -> None:
    with pytest.raises(RequestError):
        asked("hi", **options)


def test_an_option_of_none_is_unset() -> None:
    options = dict.fromkeys(RequestOptions.__annotations__)
    request = CompletionRequest("hi", output_schema=OutputSchema(), system="A")

    assert asked("hi", **options) == CompletionRequest("hi")
    assert asked(request, output_schema=None, system=None) == CompletionRequest("hi")


@pytest.mark.parametrize(
    "prompt",
    [
        None,
        "",
        " \n\t",
        [],
        user(""),
        [user("hi"), user([])],
        [user([" ", ""])],
        {"role": "user", "content": ""},
        CompletionRequest(" "),
        CompletionRequest(()),
    ],
    ids=repr,
)
def test_nothing_asked_is_refused_however_it_is_written(prompt: Any) -> None:
    with pytest.raises(RequestError, match="nothing is asked") as caught:
        asked(prompt)
    with pytest.raises(RequestError, match="nothing is asked"):
        asked(prompt, messages=[], max_tokens=5)

    assert "in `messages=`" in str(caught.value.hint)


def test_a_prompt_of_one_block_that_is_no_text_is_something_asked() -> None:
    answers = [user([ToolResult("call_1", ())])]

    assert asked(answers).messages == tuple(answers)


@pytest.mark.parametrize("name", ["seed", "presence_penalty", "frequency_penalty"])
def test_an_option_of_inference_is_put_there(name: str) -> None:
    assert asked("hi", **{name: 1}).inference == Inference(**{name: 1})


def test_tools_and_system_of_an_option_replace_those_of_the_request() -> None:
    request = CompletionRequest([user("b")], system="A", tools=[WEATHER], tool_choice="any")

    changed = asked(request, tools=[CLOCK], system=None, messages=[user("a")])

    assert changed == CompletionRequest([user("a"), user("b")], tools=[CLOCK], tool_choice="any")


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), True, "5"])
async def test_a_time_limit_that_is_no_time_is_refused_by_its_name(timeout: Any) -> None:
    async with runtime_on(answered()) as runtime:
        with pytest.raises(RequestError, match="timeout takes seconds"):
            await runtime.complete("Why?", timeout=timeout)
        with pytest.raises(RequestError, match="timeout takes seconds"):
            runtime.stream("Why?", timeout=timeout)


async def test_nothing_is_sent_for_a_wrong_option() -> None:
    client = answered()

    with pytest.raises(RequestError):
        await runtime_on(client).complete("hi", max_token=5)  # type: ignore[call-arg]

    assert client.requests == []


# ── whole answers ─────────────────────────────────────────────────────────────────────────────────


async def test_a_tool_loop_answers_two_calls_of_one_message() -> None:
    client = answered()
    messages = [user("Oslo")]

    async with runtime_on(client) as runtime:
        answer = await runtime.complete(messages, tools=[WEATHER, CLOCK])
        while answer.tool_uses:
            results = [ToolResult(use.id, f"{use.name} of Oslo") for use in answer.tool_uses]
            messages += [answer.message, user(results)]
            answer = await runtime.complete(messages, tools=[WEATHER, CLOCK])

    assert answer.text == "You said: clock of Oslo"
    calls = (ToolUse("call_1", "weather", {"text": "Oslo"}),)
    assert messages[1].content[:1] == calls
    results_sent = [block for message in sent(client).messages[2:] for block in message.content]
    assert [block.tool_use_id for block in results_sent if isinstance(block, ToolResult)] == [
        "call_1",
        "call_2",
    ]


async def test_an_output_schema_makes_the_parsed_answer() -> None:
    client = answered(answering(Text('{"name": "Oslo", "population": 7}')))

    city = (await runtime_on(client).complete("Oslo", output_schema=City)).parsed

    assert city == City("Oslo", 7)
    schema = sent(client).output_schema
    assert isinstance(schema, OutputSchema) and schema.name == "City"


async def test_without_an_output_schema_nothing_is_parsed() -> None:
    assert (await runtime_on(answered()).complete("{}")).parsed is None


async def test_an_answer_that_is_not_what_was_asked_for_is_an_error() -> None:
    client = answered(answering(Text('{"name": "Oslo"}')))

    with pytest.raises(DecodeError, match=r"missing @ \$\.population"):
        await runtime_on(client).complete("Oslo", output_schema=City)


async def test_a_receipt_says_who_answered() -> None:
    receipt = (await runtime_on(answered()).complete("hi", model="toy-2")).receipt

    assert receipt is not None
    assert (receipt.provider, receipt.family, receipt.surface) == ("toy", "toy", "chat")
    assert (receipt.model, receipt.request_id, receipt.attempts) == ("toy-2", "request-1", 1)


async def test_an_error_carries_whose_call_it_was() -> None:
    client = answered(lambda request: InvalidCall("too hot", status=400))

    with pytest.raises(InvalidCall) as caught:
        await runtime_on(client).complete("hi")

    error = caught.value
    assert (error.provider, error.model, error.status) == ("toy", "toy-1", 400)
    assert error.request_id == "request-1"


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_parses_its_completion() -> None:
    client = answered(answering(Text('{"name": "Oslo", "population": 7}')))

    async with runtime_on(client).stream("Oslo", output_schema=City) as stream:
        assert (await stream.completion()).parsed == City("Oslo", 7)


async def test_a_stream_with_tools_gives_their_calls() -> None:
    async with runtime_on(answered()).stream("Oslo", tools=[WEATHER, CLOCK]) as stream:
        answer = await stream.completion()

    assert [use.name for use in answer.tool_uses] == ["weather", "clock"]
    assert answer.tool_uses[0].input == {"text": "Oslo"}


async def test_an_error_before_the_first_event_is_raised_by_the_block() -> None:
    client = answered(lambda request: InvalidCall("no", status=400))

    with pytest.raises(InvalidCall):
        async with runtime_on(client).stream("hi"):
            raise AssertionError("the block was entered")


async def test_a_stream_may_be_awaited_and_closed_by_hand() -> None:
    client = answered()
    async with runtime_on(client) as runtime:
        stream = await runtime.stream("hi")
        assert (await stream.completion()).text == "You said: hi"
        await stream.aclose()

    assert client.streams[0].is_closed


# ── the blocking twin ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def blocking() -> Iterator[BlockingRuntime]:
    with BlockingRuntime(runtime_on(answered())) as runtime:
        yield runtime


def test_a_blocking_runtime_takes_the_same_options(blocking: BlockingRuntime) -> None:
    answer = blocking.complete("hi", messages=[user("a"), assistant("b")], max_tokens=9)

    assert answer.text == "You said: hi"
    assert answer.receipt is not None and answer.receipt.provider == "toy"


def test_a_blocking_stream_parses_its_completion() -> None:
    client = answered(answering(Text('{"name": "Oslo", "population": 7}')))
    with BlockingRuntime(runtime_on(client)) as runtime:
        assert runtime.complete("Oslo", output_schema=City).parsed == City("Oslo", 7)
        with runtime.stream("Oslo", output_schema=City) as stream:
            assert stream.completion().parsed == City("Oslo", 7)


def test_the_twins_have_the_same_parameters() -> None:
    for name in ("open", "complete", "stream", "embed", "rerank", "count_tokens"):
        twins = [inspect.signature(getattr(kind, name)) for kind in (Runtime, BlockingRuntime)]
        assert twins[0].parameters == twins[1].parameters, name
