"""Other people's clients of Converse, unmodified, against the emulator alone: an answer, a stream,
a tool called.

Each is tested where it is installed: LangChain's `ChatBedrockConverse`, Strands Agents, Pydantic
AI, LiteLLM.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_bedrock.serving import RunningEmulator

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code deprecates is theirs


@pytest.fixture(autouse=True)
def emulated_aws(bedrock_environment: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for one


def installed(module: str) -> Any:
    """The module, or the reason why its test is skipped. Its own warnings are not ours to treat as
    errors."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"{module} is not installed ({type(error).__name__})")


def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Which city.
    """
    return f"It rains in {city}."


# ── LangChain ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def langchain(bedrock_emulator: RunningEmulator) -> Iterator[Any]:
    chat = installed("langchain_aws").ChatBedrockConverse
    client = bedrock_emulator.boto3_client()
    yield chat(model=CLAUDE, client=client, bedrock_client=client, region_name="us-east-1")
    client.close()


def test_langchain_gets_an_answer_and_the_same_as_a_stream(langchain: Any) -> None:
    whole = langchain.invoke("Are you there?")
    streamed = "".join(str(chunk.text) for chunk in langchain.stream("Are you there?"))

    assert "Are you there?" in whole.text
    assert streamed == whole.text
    assert whole.usage_metadata["output_tokens"] > 0


def test_langchain_gets_a_tool_call_and_hands_over_the_result(langchain: Any) -> None:
    tool = {"name": "weather", "description": "The weather of a city.", "input_schema": CITY}
    (call,) = (
        langchain.bind_tools([tool], tool_choice="any").invoke("How is the weather?").tool_calls
    )

    assert (call["name"], call["args"]) == ("weather", {"city": "example"})


def test_langchain_streams_a_tool_call(langchain: Any) -> None:
    tool = {"name": "weather", "description": "The weather of a city.", "input_schema": CITY}
    chunks = list(langchain.bind_tools([tool], tool_choice="any").stream("How is the weather?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk

    (call,) = whole.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "example"})


# ── Strands Agents ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_streamed", [True, False])
def test_strands_gets_an_answer(is_streamed: bool) -> None:
    strands, models = installed("strands"), installed("strands.models")
    model = models.BedrockModel(model_id=CLAUDE, streaming=is_streamed)
    agent = strands.Agent(model=model, callback_handler=None)

    assert "Are you there?" in str(agent("Are you there?"))


def test_strands_runs_a_tool_and_hands_over_its_result() -> None:
    strands, models = installed("strands"), installed("strands.models")
    agent = strands.Agent(
        model=models.BedrockModel(model_id=CLAUDE),
        tools=[strands.tool(weather)],
        callback_handler=None,
    )

    said = str(agent("Use the tool weather."))

    assert "It rains in example." in said


# ── Pydantic AI ───────────────────────────────────────────────────────────────────────────────────


async def test_pydantic_ai_gets_an_answer_and_the_same_as_a_stream() -> None:
    agent = installed("pydantic_ai").Agent(f"bedrock:{CLAUDE}")

    whole = await agent.run("Are you there?")
    async with agent.run_stream("Are you there?") as streamed:
        text = await streamed.get_output()

    assert "Are you there?" in whole.output
    assert text == whole.output


async def test_pydantic_ai_runs_a_tool_and_hands_over_its_result() -> None:
    agent = installed("pydantic_ai").Agent(f"bedrock:{CLAUDE}", tools=[weather])

    assert "It rains in example." in (await agent.run("Use the tool weather.")).output


# ── a loop with two calls at once ─────────────────────────────────────────────────────────────────

TWO_CALLS = [
    {"result": "Rome", "answer": "Rain in both."},
    {
        "when": "Oslo",
        "calls": [
            {"name": "weather", "input": {"city": "Oslo"}},
            {"name": "weather", "input": {"city": "Rome"}},
        ],
    },
]
two_calls = pytest.mark.bedrock(script=TWO_CALLS)
ASKED = "How is the weather in Oslo and in Rome?"


def assert_both_were_heard(emulator: RunningEmulator) -> None:
    """The second call has both results, each for its call, and the script answers it."""
    first, second = emulator.calls
    assert (first.status, second.status, second.rule.answer) == (200, 200, "Rain in both.")
    *_, calling, answering = second.json["messages"]
    calls = [block["toolUse"] for block in calling["content"] if "toolUse" in block]
    results = [block["toolResult"] for block in answering["content"] if "toolResult" in block]
    assert [call["input"]["city"] for call in calls] == ["Oslo", "Rome"]
    assert [result["toolUseId"] for result in results] == [call["toolUseId"] for call in calls]
    assert ["Oslo" in str(results[0]), "Rome" in str(results[1])] == [True, True]


@two_calls
def test_boto3_answers_two_calls_at_once(bedrock_environment: RunningEmulator) -> None:
    client = installed("boto3").client("bedrock-runtime")
    spec = {"name": "weather", "inputSchema": {"json": CITY}}
    asked = {"modelId": CLAUDE, "toolConfig": {"tools": [{"toolSpec": spec}]}}
    messages: list[Any] = [{"role": "user", "content": [{"text": ASKED}]}]
    while (answer := client.converse(messages=messages, **asked))["stopReason"] == "tool_use":
        message = answer["output"]["message"]
        calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        told = [
            {"toolUseId": call["toolUseId"], "content": [{"text": weather(**call["input"])}]}
            for call in calls
        ]
        content = [{"toolResult": result} for result in told]
        messages += [message, {"role": "user", "content": content}]
    client.close()

    assert answer["output"]["message"]["content"] == [{"text": "Rain in both."}]
    assert_both_were_heard(bedrock_environment)


@two_calls
@pytest.mark.parametrize("is_streamed", [False, True])
def test_langchain_answers_two_calls_at_once(
    bedrock_environment: RunningEmulator, is_streamed: bool
) -> None:
    aws, tools = installed("langchain_aws"), installed("langchain_core.tools")
    messages = installed("langchain_core.messages")
    chat = aws.ChatBedrockConverse(model=CLAUDE, region_name="us-east-1").bind_tools(
        [tools.tool(weather)]
    )
    history: list[Any] = [messages.HumanMessage(ASKED)]
    while (answer := _asked(chat, history, is_streamed=is_streamed)).tool_calls:
        history.append(answer)
        history += [
            messages.ToolMessage(weather(**call["args"]), tool_call_id=call["id"])
            for call in answer.tool_calls
        ]

    assert answer.text == "Rain in both."
    assert_both_were_heard(bedrock_environment)


def _asked(chat: Any, history: list[Any], *, is_streamed: bool) -> Any:
    if not is_streamed:
        return chat.invoke(history)
    first, *others = chat.stream(history)
    for chunk in others:
        first = first + chunk
    return first


@two_calls
@pytest.mark.parametrize("is_streamed", [True, False])
def test_strands_answers_two_calls_at_once(
    bedrock_environment: RunningEmulator, is_streamed: bool
) -> None:
    strands, models = installed("strands"), installed("strands.models")
    agent = strands.Agent(
        model=models.BedrockModel(model_id=CLAUDE, streaming=is_streamed),
        tools=[strands.tool(weather)],
        callback_handler=None,
    )

    assert str(agent(ASKED)).strip() == "Rain in both."
    assert_both_were_heard(bedrock_environment)


@two_calls
async def test_pydantic_ai_answers_two_calls_at_once(bedrock_environment: RunningEmulator) -> None:
    agent = installed("pydantic_ai").Agent(f"bedrock:{CLAUDE}", tools=[weather])

    assert (await agent.run(ASKED)).output == "Rain in both."
    assert_both_were_heard(bedrock_environment)


# ── LiteLLM ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("route", ["", "converse/", "invoke/"])
def test_litellm_gets_an_answer_and_the_same_as_a_stream(
    bedrock_emulator: RunningEmulator, route: str
) -> None:
    litellm = installed("litellm")
    asked = {
        "model": f"bedrock/{route}{CLAUDE}",
        "messages": [{"role": "user", "content": "Are you there?"}],
        "aws_bedrock_runtime_endpoint": bedrock_emulator.base_url,
    }

    whole = litellm.completion(**asked).choices[0].message.content
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, stream=True)
    )

    assert "Are you there?" in whole
    assert streamed == whole


@pytest.mark.parametrize("is_streamed", [False, True])
def test_litellm_gets_a_tool_call(bedrock_emulator: RunningEmulator, is_streamed: bool) -> None:
    litellm = installed("litellm")
    tool = {
        "type": "function",
        "function": {"name": "weather", "description": "It.", "parameters": CITY},
    }
    answer = litellm.completion(
        model=f"bedrock/{CLAUDE}",
        messages=[{"role": "user", "content": "How is the weather?"}],
        tools=[tool],
        tool_choice="required",
        stream=is_streamed,
        aws_bedrock_runtime_endpoint=bedrock_emulator.base_url,
    )
    if is_streamed:
        answer = litellm.stream_chunk_builder(list(answer))

    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments.replace(" ", "")) == (
        "weather",
        '{"city":"example"}',
    )
