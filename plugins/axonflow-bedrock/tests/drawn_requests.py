"""Drawn requests, as programs make them, with nearly every call of a tool answered.

A call that nobody answers is a mistake of its author, of which no other request can be made, so few
have one; everything else in a drawn request is for fitting to settle. Most draws are typical: a few
turns, and now and then a part that some model refuses. The others are whatever the two dialects
that people write in can say.
"""

from __future__ import annotations

from itertools import count
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_core.codec import ModelFacts
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    assistant,
)
from axonflow_core.testing.claims import claimed
from axonflow_core.testing.strategies import requests

T = TypeVar("T")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def seldom(usual: T, *others: T) -> SearchStrategy[T]:
    """`usual`, and once in five times one of `others`."""
    return st.sampled_from([usual] * 4 * len(others) + [*others])


def _answered(request: CompletionRequest) -> CompletionRequest:
    """The request with ids of its own for every call, each answered by a result in the next turn of
    the user, and without results that nobody asked for."""
    numbers, messages, due = count(1), list[Message](), list[str]()
    for message in request.messages:
        content: tuple[ContentBlock, ...] = message.content
        if message.role is Role.ASSISTANT:
            content = tuple(
                evolve(block, id=f"call.{next(numbers)}") if isinstance(block, ToolUse) else block
                for block in content
            )
            due += [block.id for block in content if isinstance(block, ToolUse)]
        elif message.role is Role.USER:
            content = (*_results(due), *_without_results(content))
            due = []
        messages.append(evolve(message, content=content or (Text("So?"),)))
    if due:
        messages.append(Message(Role.USER, tuple(_results(due))))
    return evolve(request, messages=tuple(messages))


def _results(ids: list[str]) -> list[ToolResult]:
    """Results, of which every other one says whether the tool failed: a text alone, or a picture
    and JSON."""
    return [
        ToolResult(each, _ANSWERS[int(each.partition(".")[2]) % 2], [None, True][n % 2])
        for n, each in enumerate(ids, 1)
    ]


_ANSWERS = (
    (Image(Media(MediaKind.BASE64, PNG, "image/png")), Data(["rain"]), Data({"rain": True})),
    (Text("It rains."),),
)


def _without_results(content: tuple[ContentBlock, ...]) -> list[ContentBlock]:
    return [block for block in content if not isinstance(block, ToolResult)]


def mostly(usual: SearchStrategy[T], *others: SearchStrategy[T]) -> SearchStrategy[T]:
    """From `usual`, and once in ten times from one of `others`: `one_of` has no weights."""
    weighted = [usual] * 9 * len(others) + [*others]
    return st.sampled_from(weighted).flatmap(lambda strategy: strategy)


# ── a typical request ─────────────────────────────────────────────────────────────────────────────

TEXTS = mostly(st.just("Hi"), st.sampled_from(["", " \n", "The answer is "])).map(Text)
PICTURES = st.sampled_from(["image/png", "image/jpg", None]).map(
    lambda kind: Image(Media(MediaKind.BASE64, PNG, kind))
)
ADDRESS = Image(Media(MediaKind.URL, "https://a.example/b.png"))
PDF = Document(Media(MediaKind.BASE64, "JVBERi0xLjQK", "application/pdf"), name="a.b  c")
CITED = evolve(PDF, citations={"enabled": True})
THOUGHTS = st.sampled_from([Reasoning("hm"), Reasoning("hm", "c2ln"), Reasoning(redacted="cmVk")])
CALLS = st.builds(
    ToolUse,
    st.just("t"),
    st.sampled_from(["weather", "fs.read"]),
    seldom({"city": "Oslo"}, '{"city": '),
)
POINTS = st.sampled_from([CachePoint(), CachePoint("5m"), CachePoint("1h")])
OF_USERS = mostly(TEXTS, PICTURES, POINTS, st.sampled_from([ADDRESS, PDF, CITED]))
OF_MODELS = st.one_of(TEXTS, CALLS, mostly(TEXTS, THOUGHTS))


def content(blocks: SearchStrategy[ContentBlock], least: int) -> SearchStrategy[object]:
    return st.lists(blocks, min_size=least, max_size=2).map(tuple)


ASKED = st.builds(Message, st.just(Role.USER), content(OF_USERS, 1))
SAID = st.builds(Message, st.just(Role.ASSISTANT), content(OF_MODELS, 0))
TOLD = st.just(Message(Role.SYSTEM, (Text("Be kind."),)))
BEGUN = st.sampled_from(["The answer is ", "The answer is"]).map(assistant)
TURNS = mostly(
    st.one_of(st.tuples(ASKED), st.tuples(ASKED, SAID, ASKED)),
    st.tuples(ASKED, BEGUN),
    st.tuples(SAID, ASKED),
    st.tuples(TOLD, ASKED),
    st.tuples(ASKED, SAID, TOLD, ASKED),
    st.tuples(ASKED, SAID, SAID, ASKED, ASKED),
)
TOOLS = st.lists(
    st.builds(
        Tool,
        seldom("weather", "fs.read", "f" * 70),
        st.sampled_from(["The weather.", None, ""]),
        seldom(
            CITY,
            {"properties": CITY["properties"]},
            {**CITY, "anyOf": [{"required": ["a"]}]},
            {"type": "object", "properties": {"due date": {"type": "string"}}},
        ),
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
REASONING = st.sampled_from(
    [None] * 12
    + [ReasoningRequest("enabled", 2000)] * 3
    + [ReasoningRequest("enabled", 500), ReasoningRequest("adaptive"), ReasoningRequest("disabled")]
    + [ReasoningRequest(effort=effort) for effort in ("low", "high", "max")]
)
INFERENCE = st.builds(
    Inference,
    max_tokens=st.sampled_from([None, 1, 1500, 1500, 8000, 10**6]),
    temperature=seldom(None, 0.2, 1, 1.5),
    top_p=seldom(None, 0.9),
    top_k=seldom(None, 5),
    stop_sequences=seldom((), ("END",), (" ",)),
)
MADE = st.builds(
    CompletionRequest,
    TURNS,
    system=seldom((), (Text("Be short."),), (Text(""),), (Text("Be short."), CachePoint())),
    inference=INFERENCE,
    tools=st.builds(lambda tools, points: (*tools, *points), TOOLS, seldom((), (CachePoint(),))),
    tool_choice=seldom(None, *(ToolChoice(mode, "weather") for mode in ToolChoiceMode)),
    reasoning=REASONING,
    output_schema=mostly(st.none(), st.just(OutputSchema(CITY))),
)
"""With calls that nobody answers."""
TYPICAL = MADE.map(_answered)
ANYTHING = st.one_of(
    requests(claimed(openai_chat.CODEC, ModelFacts(), None)),
    requests(claimed(anthropic_messages.CODEC, ModelFacts(), None)),
).map(_answered)
"""Everything that the two dialects claim."""
REQUESTS = mostly(TYPICAL, ANYTHING, MADE)
