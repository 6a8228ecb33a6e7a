"""Options at their edges: what is unset, what replaces what, what is refused before anything is
sent, and that every way to call sends the same."""

from __future__ import annotations

from typing import Any

import pytest
from toy_chat import answered, asked_of, runtime_on

from axonflow_core.asking import RequestOptions, question_of
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.errors import RequestError
from axonflow_core.messages import (
    CompletionRequest,
    Message,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    assistant,
    user,
)

HI = CompletionRequest((Message(Role.USER, (Text("hi"),)),))
WEATHER = Tool("weather", "The weather of a city.", {"type": "object"})
TIME = Tool("time", "The time in a city.", {"type": "object"})


def asked(prompt: Any = "hi", **options: Any) -> CompletionRequest:
    return question_of(prompt, options).request  # type: ignore[arg-type]


def test_messages_come_before_those_of_a_whole_request() -> None:
    assert asked(HI, messages="first").messages == (user("first"), *HI.messages)


def test_messages_alone_are_a_conversation() -> None:
    assert asked(None, messages=[user("hi")]) == HI


@pytest.mark.parametrize("nothing", [{}, {"messages": []}, {"system": "Be brief."}], ids=str)
@pytest.mark.parametrize("prompt", [None, []], ids=str)
def test_a_call_without_a_message_is_refused(prompt: Any, nothing: Any) -> None:
    with pytest.raises(RequestError, match="nothing is asked") as refused:
        asked(prompt, **nothing)

    assert "as the prompt, or in `messages=`" in str(refused.value.hint)


@pytest.mark.parametrize("option", [*RequestOptions.__annotations__])
def test_an_option_that_is_none_is_unset(option: str) -> None:
    assert asked(**{option: None}) == HI


@pytest.mark.parametrize("name", ["weather", "tool"])
def test_a_tool_choice_is_the_name_of_a_tool(name: str) -> None:
    request = asked(tools=[TIME, Tool(name)], tool_choice=name)

    assert request.tool_choice == ToolChoice(ToolChoiceMode.TOOL, name)


def test_a_tool_choice_may_be_of_a_tool_that_the_whole_request_has() -> None:
    request = asked(CompletionRequest("hi", tools=[WEATHER]), tool_choice="weather")

    assert request.tool_choice == ToolChoice("tool", "weather")


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("messages", 7, "CompletionRequest.messages"),
        ("system", 7, "CompletionRequest.system"),
        ("max_tokens", -1, "Inference.max_tokens"),
        ("max_tokens", "many", "Inference.max_tokens"),
        ("temperature", "warm", "Inference.temperature"),
        ("top_p", float("nan"), "Inference.top_p"),
        ("top_k", 1.5, "Inference.top_k"),
        ("stop_sequences", [1], "Inference.stop_sequences"),
        ("tools", ["weather"], "CompletionRequest.tools"),
        ("tool_choice", 5, "CompletionRequest.tool_choice"),
        ("tool_choice", "weather", "tool_choice"),
        ("tool_choice", ToolChoiceMode.TOOL, "tool_choice"),
        ("output_schema", [1], "output schema"),
        ("output_schema", "City", "output schema"),
        ("reasoning", "", "an effort or a budget of at least 1 token"),
        ("reasoning", 0, "an effort or a budget of at least 1 token"),
        ("reasoning", 1.5, "CompletionRequest.reasoning"),
        ("reasoning", True, "ReasoningRequest.budget_tokens"),
        ("metadata", 7, "CompletionRequest.metadata"),
        ("service_tier", 1, "CompletionRequest.service_tier"),
    ],
)
def test_a_value_that_does_not_fit_names_its_field(option: str, value: Any, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        asked(**{option: value})

    assert field in str(refused.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True], ids=str)
async def test_a_timeout_that_is_no_time_is_refused(timeout: Any) -> None:
    client = answered()
    async with runtime_on(client) as runtime:
        with pytest.raises(RequestError, match="timeout takes seconds"):
            await runtime.complete("hi", timeout=timeout)

    assert client.requests == []


async def test_nothing_is_sent_for_a_call_that_is_refused() -> None:
    client = answered()
    async with runtime_on(client) as runtime:
        with pytest.raises(RequestError):
            await runtime.complete("hi", max_tokens=-1)
        with pytest.raises(RequestError):
            runtime.stream("hi", temprature=1)  # type: ignore[call-arg]

    assert client.requests == []


OPTIONS: RequestOptions = {
    "system": "Be brief.",
    "messages": [user("hi"), assistant("hello")],
    "max_tokens": 10,
    "temperature": 0.5,
}


async def test_what_is_asked_arrives_whole_and_streamed() -> None:
    client = answered()
    async with runtime_on(client) as runtime:
        await runtime.complete("and now?", **OPTIONS)
        async with runtime.stream("and now?", **OPTIONS) as stream:
            await stream.completion()

    assert asked_of(client) == [question_of("and now?", OPTIONS).request] * 2


def test_what_is_asked_arrives_from_a_blocking_runtime_too() -> None:
    client = answered()
    with BlockingRuntime(runtime_on(client)) as runtime:
        runtime.complete("and now?", **OPTIONS)
        with runtime.stream("and now?", **OPTIONS) as stream:
            stream.completion()

    assert asked_of(client) == [question_of("and now?", OPTIONS).request] * 2


def weather_of(city: str) -> str:
    return f"rain in {city}"


def test_a_blocking_tool_loop_answers_two_parallel_calls_of_a_stream() -> None:
    tools, messages = [WEATHER, TIME], [user("Oslo")]
    with BlockingRuntime(runtime_on(answered())) as runtime:
        with runtime.stream(messages, tools=tools) as stream:
            calls = (completion := stream.completion()).tool_uses
        results = [ToolResult(call.id, weather_of(call.input["text"])) for call in calls]
        last = runtime.complete([*messages, completion.message, user(results)], tools=tools)

    assert [call.name for call in calls] == ["weather", "time"]
    assert last.text == "You said: rain in Oslo"
