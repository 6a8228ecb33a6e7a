"""The drop-in endpoints, every dialect in and every family and provider out: what is asked works,
or is refused by name.

    chat, responses, messages, invoke, converse
      x  every family of Bedrock, and every other provider, emulated
      x  text, tools, image, reasoning, schema; whole and streamed

A stream fits the grammar of its dialect. A model is named by the server's own name for it, so that
every call is translated unless the dialect is the model's.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import orjson
import pytest
import pytest_asyncio

from axonflow_bedrock.wire.eventstream import FrameDecoder, chunk_of, event_of
from axonflow_core.config import load_config
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    PoliciesConfig,
    Role,
    ServerConfig,
)
from axonflow_core.emulator.serving import serving
from axonflow_core.frozen import evolve
from axonflow_core.keys import throwaway_keys
from axonflow_core.plugin_spec import Life
from axonflow_core.plugins import PROVIDERS, find_plugins, load_codecs, load_provider
from axonflow_core.routing.rules import NamedTarget
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState
from tests.grammar_bedrock import check_converse
from tests.grammar_messages import read_body, read_events
from tests.grammar_openai import check_chat, check_responses
from tests.server.in_process import Reply, Served

pytestmark = [pytest.mark.thorough, pytest.mark.asyncio(loop_scope="module")]

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
LOOK = "Looks a city up."
ASK = "Say something of Paris."


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────


def chat(feature: str) -> dict[str, Any]:
    content: Any = ASK
    body: dict[str, Any] = {"max_completion_tokens": 4000}
    match feature:
        case "tools":
            tool = {"name": "look", "description": LOOK, "parameters": SCHEMA}
            body["tools"] = [{"type": "function", "function": tool}]
            body["tool_choice"] = "required"
        case "image":
            url = f"data:image/png;base64,{PIXEL}"
            content = [
                {"type": "text", "text": ASK},
                {"type": "image_url", "image_url": {"url": url}},
            ]
        case "reasoning":
            body["reasoning_effort"] = "low"
        case "schema":
            schema = {"name": "city", "schema": SCHEMA, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**body, "messages": [{"role": "user", "content": content}]}


def responses(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "input_text", "text": ASK}]
    body: dict[str, Any] = {"max_output_tokens": 4000, "store": False}
    match feature:
        case "tools":
            tool = {"name": "look", "description": LOOK, "parameters": SCHEMA}
            body["tools"] = [{"type": "function", **tool}]
            body["tool_choice"] = "required"
        case "image":
            url = f"data:image/png;base64,{PIXEL}"
            content.append({"type": "input_image", "image_url": url, "detail": "auto"})
        case "reasoning":
            body["reasoning"] = {"effort": "low"}
        case "schema":
            form = {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True}
            body["text"] = {"format": form}
    return {**body, "input": [{"type": "message", "role": "user", "content": content}]}


def messages(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": ASK}]
    body: dict[str, Any] = {"max_tokens": 4000}
    match feature:
        case "tools":
            body["tools"] = [{"name": "look", "description": LOOK, "input_schema": SCHEMA}]
            body["tool_choice"] = {"type": "any"}
        case "image":
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            content.append({"type": "image", "source": source})
        case "reasoning":
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        case "schema":
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return {**body, "messages": [{"role": "user", "content": content}]}


def invoke(feature: str) -> dict[str, Any]:
    return {"anthropic_version": "bedrock-2023-05-31", **messages(feature)}


def converse(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"text": ASK}]
    body: dict[str, Any] = {"inferenceConfig": {"maxTokens": 4000}}
    match feature:
        case "tools":
            spec = {"name": "look", "description": LOOK, "inputSchema": {"json": SCHEMA}}
            body["toolConfig"] = {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}
        case "image":
            content.append({"image": {"format": "png", "source": {"bytes": PIXEL}}})
        case "reasoning":
            thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
            body["additionalModelRequestFields"] = thinking
        case "schema":
            form = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "city"}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": form}}
    return {**body, "messages": [{"role": "user", "content": content}]}


# ── what came ─────────────────────────────────────────────────────────────────────────────────────


def bedrock_events(body: bytes, read: Callable[[Any], Any]) -> list[Any]:
    decoder = FrameDecoder()
    events = [read(frame) for frame in decoder.feed(body)]
    decoder.finish()
    return events


def read_converse(body: bytes) -> bytes:
    """The events of a stream, once they fit the grammar; so the others."""
    events = bedrock_events(body, event_of)
    check_converse(events)
    return orjson.dumps(events)


def read_invoke(body: bytes) -> bytes:
    events = bedrock_events(body, chunk_of)
    read_events((event["type"], event) for event in events)
    return orjson.dumps(events)


def read_messages(body: bytes) -> bytes:
    read_body(body)
    return body


def read_chat(body: bytes) -> bytes:
    check_chat(body)
    return body


def read_responses(body: bytes) -> bytes:
    check_responses(body)
    return body


def in_body(path: str) -> Callable[[str, bool], tuple[str, dict[str, Any]]]:
    """How a call to a path that names no model is addressed."""
    return lambda model, is_streamed: (path, {"model": model, "stream": is_streamed})


def in_path(whole: str, streamed: str) -> Callable[[str, bool], tuple[str, dict[str, Any]]]:
    return lambda model, is_streamed: (f"/model/{model}/{streamed if is_streamed else whole}", {})


DIALECTS: Mapping[str, tuple[Any, Any, Any]] = {
    "chat": (chat, in_body("/v1/chat/completions"), read_chat),
    "responses": (responses, in_body("/v1/responses"), read_responses),
    "messages": (messages, in_body("/v1/messages"), read_messages),
    "invoke": (invoke, in_path("invoke", "invoke-with-response-stream"), read_invoke),
    "converse": (converse, in_path("converse", "converse-stream"), read_converse),
}
FEATURES: Mapping[str, str] = {
    "text": "",
    "tools": r"tool",
    "image": r"image|picture|media",
    "reasoning": r"reason|think",
    "schema": r"schema|format|structured|output",
}
"""Feature -> what names it in a refusal."""
CALLED = re.compile(rb'"(tool_calls|function_call|tool_use|toolUse)"')


# ── the server ────────────────────────────────────────────────────────────────────────────────────


def targets() -> Iterator[NamedTarget]:
    """A chat model of every family of Bedrock, and of every other provider."""
    for name in sorted({plugin.name for plugin in find_plugins(PROVIDERS)}):
        spec = load_provider(name)
        if spec.emulator is None:
            continue
        if name != "bedrock":
            yield from (NamedTarget(provider=name, model=each) for each in spec.emulator().models)
            continue
        assert spec.models is not None
        first: dict[str, str] = {}
        for model in spec.models(load_codecs(name).registry).models:
            if model.kind == "chat" and model.life is not Life.ENDED:
                first.setdefault(f"{model.family} {model.vendor}", model.ids[0])
        yield from (NamedTarget(provider=name, model=id) for id in first.values())


TARGETS = {f"m{number}": target for number, target in enumerate(targets())}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        for name in {target.provider for target in TARGETS.values()}:
            spec = load_provider(name)
            assert spec.emulator is not None
            running = stack.enter_context(serving(spec.emulator()))
            for variable, value in running.environment.items():
                environment.setenv(variable, value)
        environment.setenv("AZURE_OPENAI_API_VERSION", "v1")  # older ones lack parameters
        folder = tmp_path_factory.mktemp("matrix")
        environment.chdir(folder)  # where no file is, the environment is the configuration
        config = evolve(
            load_config(),
            models={name: (target,) for name, target in TARGETS.items()},
            server=ServerConfig(
                clients={"acme": ClientConfig("acme", tenant="acme", roles=tuple(Role))}
            ),
            policies=PoliciesConfig(),
            audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"),
        )
        keys = throwaway_keys()
        service = await Service.open(config, keys, ServerState(Limits()))
        try:
            yield Served(service, keys)
        finally:
            await service.aclose()


# ── the matrix ────────────────────────────────────────────────────────────────────────────────────


def found_in(dialect: str, feature: str, is_streamed: bool, reply: Reply) -> str:
    """What came of a call: `works`, `refused`, or what is wrong with the answer."""
    if reply.status == 200:
        said = reply.body
        if is_streamed:
            try:
                said = DIALECTS[dialect][2](reply.body)
            except (AssertionError, KeyError, ValueError) as error:
                return f"ungrammatical: {error!r:.200}"
        if feature == "tools" and not CALLED.search(said):
            return f"no call of the tool: {said[:300]!r}"
        return "works"
    if reply.status == 400 and re.search(FEATURES[feature], reply.body.decode(), re.I):
        return "refused"
    return f"{reply.status} {reply.body[:300]!r}"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_is_asked_works_or_is_refused_by_name(server: Served, dialect: str) -> None:
    body_of, addressed, _ = DIALECTS[dialect]
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    for name, target in TARGETS.items():
        for feature in FEATURES:
            for is_streamed in (False, True):
                path, more = addressed(name, is_streamed)
                reply = await server.post(path, {**body_of(feature), **more})
                found = found_in(dialect, feature, is_streamed, reply)
                tally[found] += 1
                if found not in ("works", "refused"):
                    how = "streamed" if is_streamed else "whole"
                    wrong.append(f"{target.provider} {target.model} {feature} {how}: {found}")
    asked = len(TARGETS) * len(FEATURES) * 2
    sys.stdout.write(f"{dialect}: {asked} asked, {dict(tally.most_common(2))}\n")
    assert not wrong, "\n".join(wrong)
    assert tally["works"] >= 5 * len(TARGETS)
