"""The drop-in endpoints, every dialect in and every family and provider out: what is asked works,
or is refused by name.

    chat, responses, messages, invoke, converse
      x  every family of Bedrock, and every other provider, emulated
      x  text, tools, image, reasoning, schema; whole and streamed

Of the dialects that a server has to be told to serve, every fourth model is enough.

A stream fits the grammar of its dialect. A model is named by the server's own name for it, so that
every call is translated unless the dialect is the model's.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio

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
from tests.grammar_openai import check_chat
from tests.server.in_process import Reply, Served
from tests.together import drop_in as served
from tests.together.dialect_bodies import DIALECTS, FURTHER_DIALECTS, messages

pytestmark = [pytest.mark.thorough, pytest.mark.asyncio(loop_scope="module")]

ALL = {**DIALECTS, **FURTHER_DIALECTS}
FEATURES: Mapping[str, str] = {
    "text": r"(?!)",
    "tools": r"tool",
    "image": r"image|picture|media",
    "reasoning": r"reason|think",
    "schema": r"schema|format|structured|output",
}
"""Feature -> what names it in a refusal; a text is never refused."""
COUNTS: Mapping[str, str] = {
    "chat": "prompt_tokens completion_tokens",
    "responses": "input_tokens output_tokens",
    "messages": "input_tokens output_tokens",
    "invoke": "input_tokens output_tokens",
    "converse": "inputTokens outputTokens",
}
"""Dialect -> what it calls the tokens of a call and of its answer."""
CALLED = re.compile(rb'"(tool_calls|function_call|functionCall|tool_use|toolUse)"')


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
                dialects=(*served.DIALECTS, *served.FURTHER_DIALECTS),
                clients={"acme": ClientConfig("acme", tenant="acme", roles=tuple(Role))},
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
                said = ALL[dialect][2](reply.body)
            except (AssertionError, KeyError, ValueError) as error:
                return f"ungrammatical: {error!r:.200}"
        if feature == "tools" and dialect != "ollama" and not CALLED.search(said):
            return f"no call of the tool: {said[:300]!r}"
        return "works"
    if reply.status == 400 and re.search(FEATURES[feature], reply.body.decode(), re.I):
        return "refused"
    return f"{reply.status} {reply.body[:300]!r}"


def read_chat_with_counts(body: bytes) -> bytes:
    check_chat(body, asks_for_usage=True)
    return body


def counts_in(dialect: str, said: bytes) -> list[int]:
    """What an answer counts; of a stream the last word on it."""
    found = (re.findall(rf'"{name}":(\d+)', said.decode()) for name in COUNTS[dialect].split())
    return [int(counts[-1]) for counts in found]


@pytest.mark.parametrize("dialect", COUNTS)
async def test_the_same_prompt_counts_the_same_whole_and_streamed(
    server: Served, dialect: str
) -> None:
    body_of, addressed, read = ALL[dialect]
    body = body_of("text")
    if dialect == "chat":
        body["stream_options"], read = {"include_usage": True}, read_chat_with_counts
    wrong: list[str] = []
    for name, target in TARGETS.items():
        path, more = addressed(name, False)
        whole = await server.post(path, {**body, **more})
        path, more = addressed(name, True)
        streamed = await server.post(path, {**body, **more})
        counts = counts_in(dialect, whole.body)
        if not all(counts) or counts_in(dialect, read(streamed.body)) != counts:
            wrong.append(f"{target.provider} {target.model}")
    assert not wrong, wrong


def call_and_result(number: int) -> list[Any]:
    call = {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"city": "Ulm"}}
    result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "rain"}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


async def test_the_system_may_speak_between_the_rounds_of_tools(server: Served) -> None:
    """As Claude Code has it do for a model that it does not know."""
    reminder = {"role": "system", "content": "Be brief."}
    body = messages("tools") | {"tool_choice": {"type": "auto"}}
    talk = [*body["messages"], *call_and_result(1), reminder, *call_and_result(2), reminder]
    wrong: list[str] = []
    for name, target in TARGETS.items():
        reply = await server.post("/v1/messages", {**body, "model": name, "messages": talk})
        is_refused = reply.status == 400 and b'"native_code":"unsupported"' in reply.body
        if reply.status != 200 and not is_refused:
            wrong.append(f"{target.provider} {target.model}: {reply.body[:200]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dialect", ALL)
async def test_what_is_asked_works_or_is_refused_by_name(server: Served, dialect: str) -> None:
    body_of, addressed, _ = ALL[dialect]
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    step = 1 if dialect in DIALECTS else 4
    targets = dict(list(TARGETS.items())[::step])
    for name, target in targets.items():
        for feature in FEATURES:
            for is_streamed in (False, True):
                path, more = addressed(name, is_streamed)
                reply = await server.post(path, {**body_of(feature), **more})
                found = found_in(dialect, feature, is_streamed, reply)
                tally[found] += 1
                if found not in ("works", "refused"):
                    how = "streamed" if is_streamed else "whole"
                    wrong.append(f"{target.provider} {target.model} {feature} {how}: {found}")
    asked = len(targets) * len(FEATURES) * 2
    sys.stdout.write(f"{dialect}: {asked} asked, {dict(tally.most_common(2))}\n")
    assert not wrong, "\n".join(wrong)
    assert tally["works"] >= 5 * len(targets)
