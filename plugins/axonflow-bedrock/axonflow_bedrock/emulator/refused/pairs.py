"""Calls of tools and their results: each call is answered once, in the turn that follows it.

Messages of one role in a row are one turn to these rules, and a tool that Bedrock itself runs is
called and answered in one turn of the assistant (recorded traffic has both).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise

from axonflow_core.frozen import frozen

from .body import Body, Form, Kind, Part, Turn, objects
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row

_RESULTS = (Kind.RESULT, Kind.CACHE)


@frozen
class _Exchange:
    """What the assistant called, and what the next turn answered; either may be empty."""

    calls: tuple[Part, ...]
    answers: tuple[Turn, ...]
    asking: tuple[Turn, ...]
    at: int
    """The number of the message at which the results are due."""

    @property
    def called(self) -> list[str]:
        return [part.id or "" for part in self.calls]

    @property
    def results(self) -> tuple[Part, ...]:
        return tuple(part for turn in self.answers for part in turn.of(Kind.RESULT))

    @property
    def answered(self) -> list[str]:
        return [part.id or "" for part in self.results]

    @property
    def unanswered(self) -> list[str]:
        answered = set(self.answered)
        return [call for call in self.called if call not in answered]

    @property
    def parted(self) -> list[str]:
        """The calls between which and their results something else stands."""
        asked = [part for turn in self.asking for part in turn.parts]
        given = [part for turn in self.answers for part in turn.parts]
        spoken = max((at for at, part in enumerate(asked) if part.kind is Kind.TEXT), default=-1)
        others = (at for at, part in enumerate(given) if part.kind not in _RESULTS)
        leading = {part.id for part in given[: next(others, len(given))]}
        before = {part.id for part in asked[: spoken + 1] if part in self.calls}
        return [name for name in self.called if name in before or name not in leading]

    @property
    def unasked(self) -> list[Part]:
        return [part for part in self.results if part.id not in self.called]

    @property
    def unasked_at(self) -> int:
        """The number of the first message with a result that nobody asked for."""
        unasked = self.unasked
        return next(turn.number for turn in self.answers if unasked[0] in turn.parts)


def _exchanges(body: Body) -> Iterator[_Exchange]:
    """Every pair of neighbouring turns that has calls or results."""
    groups = [
        tuple(turns) for _, turns in groupby(body.turns, key=lambda turn: turn.role == "assistant")
    ]
    nobody: tuple[Turn, ...] = ()
    for asking, answering in pairwise((nobody, *groups, nobody)):
        at = answering[0].number if answering else len(body.turns)
        if answering and answering[0].role == "assistant":
            answering = nobody
        exchange = _Exchange(_calls(asking), answering, asking, at)
        if exchange.called or exchange.results:
            yield exchange


def _calls(turns: tuple[Turn, ...]) -> tuple[Part, ...]:
    """The calls of an assistant's turns that the caller has to answer."""
    return tuple(
        part
        for turn in turns
        for part in turn.of(Kind.CALL)
        if turn.role == "assistant" and part.json.get("type") != "server_tool_use"
    )


# ── in Bedrock's words ────────────────────────────────────────────────────────────────────────────


def _unanswered(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        if exchange.unanswered:
            yield _expected(exchange.at, exchange.unanswered)


def _expected(number: int, ids: list[str]) -> str:
    return (
        f"Expected toolResult blocks at messages.{number}.content for the following Ids: "
        f"{', '.join(ids)}"
    )


def _too_many(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        if exchange.unasked:
            yield (
                f"The number of toolResult blocks at messages.{exchange.unasked_at}.content "
                "exceeds the number of toolUse blocks of previous turn."
            )


def _scattered(body: Body) -> Iterator[str]:
    """Results of one turn in several messages of it."""
    for exchange in _exchanges(body):
        first, *others = exchange.answers or (None,)
        late = [part.id or "" for turn in others if turn for part in turn.of(Kind.RESULT)]
        if first is not None and late:
            yield _expected(first.number, late)


def _repeated(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        for kind, ids in (("toolUse", exchange.called), ("toolResult", exchange.answered)):
            if repeated := _twice(ids):
                number = exchange.at - (kind == "toolUse")
                yield (
                    f"The {kind} blocks at messages.{number}.content contain duplicate Ids: "
                    f"{', '.join(repeated)}"
                )


def _twice(ids: list[str]) -> list[str]:
    return [name for name, count in Counter(ids).items() if count > 1]


def _mixed(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        kinds = {part.kind is Kind.RESULT for turn in exchange.answers for part in turn.parts}
        if kinds == {True, False}:
            yield (
                f"messages.{exchange.at}.content: Conversation blocks and tool result blocks "
                "cannot be provided in the same turn."
            )


def _no_objects(body: Body) -> Iterator[str]:
    for part in body.parts():
        content = part.json.get("content") if part.kind is Kind.RESULT else None
        for number, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict) and not isinstance(block.get("json", {}), dict):
                yield (
                    f"The format of the value at {part.place}.toolResult.content.{number}.json is "
                    "invalid. Provide a json object for the field and try again."
                )


def _pictures(body: Body) -> Iterator[str]:
    results = (part.json.get("content") for part in body.parts() if part.kind is Kind.RESULT)
    if any("image" in block for content in results for block in objects(content)):
        yield (
            "This model doesn't support the image field for user messages. Remove image and try "
            "again."
        )


def _status(body: Body) -> Iterator[str]:
    if any("status" in part.json for part in body.parts() if part.kind is Kind.RESULT):
        yield "This model doesn't support the status field. Remove status and try again."


def _without_tools(body: Body) -> Iterator[str]:
    if not body.tools and body.has(Kind.CALL, Kind.RESULT):
        yield (
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


# ── in Anthropic's and Mistral's ──────────────────────────────────────────────────────────────────


def _unanswered_by_claude(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        if exchange.unanswered:
            yield _not_found(exchange, exchange.unanswered)


def _parted_by_claude(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        if exchange.parted and not exchange.unanswered:
            yield _not_found(exchange, exchange.parted)


def _beside_documents_by_claude(body: Body) -> Iterator[str]:
    """Bedrock puts the text of a document before the results."""
    for exchange in _exchanges(body):
        given = [part for turn in exchange.answers for part in turn.of(Kind.DOCUMENT)]
        if exchange.called and any(part.json.get("format") != "pdf" for part in given):
            yield _not_found(exchange, exchange.called)


def _not_found(exchange: _Exchange, ids: list[str]) -> str:
    return (
        f"messages.{exchange.at - 1}: `tool_use` ids were found without `tool_result` blocks "
        f"immediately after: {', '.join(ids)}. Each `tool_use` block must have a corresponding "
        "`tool_result` block in the next message."
    )


def _unasked_by_claude(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        for part in exchange.unasked:
            yield (
                f"{part.place}: unexpected `tool_use_id` found in `tool_result` blocks: {part.id}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )


def _repeated_by_claude(body: Body) -> Iterator[str]:
    calls = [part for part in body.parts() if part.kind is Kind.CALL]
    ids = [part.id or "" for part in calls]
    for place, part in enumerate(calls):
        if part.id in ids[:place]:
            yield f"{part.place}: `tool_use` ids must be unique"
    for exchange in _exchanges(body):
        for name in _twice(exchange.answered):
            last = [part for part in exchange.results if part.id == name][-1]
            yield (
                f"{last.place}: each tool_use must have a single result. Found multiple "
                f"`tool_result` blocks with id: {name}"
            )


def _without_tools_by_claude(body: Body) -> Iterator[str]:
    if not body.json.get("tools") and body.has(Kind.CALL, Kind.RESULT):
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools"


def _uneven_by_mistral(body: Body) -> Iterator[str]:
    for exchange in _exchanges(body):
        if len(exchange.called) != len(exchange.answered):
            yield "Not the same number of function calls and responses"


def _ids_of_mistral(body: Body) -> Iterator[str]:
    """Ids of another form than Mistral's. Those that Bedrock makes pass: it translates them."""
    for part in body.parts():
        name = part.id
        if name is None or name.startswith("tooluse_"):
            continue
        if not (len(name) == 9 and name.isascii() and name.isalnum()):
            yield (f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9.")


ROWS: tuple[Row, ...] = (
    Row(
        name="calls and results without tools",
        words=_without_tools,
        source="public reports, 2025 and 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a result that nobody asked for",
        words=_too_many,
        source="pydantic/pydantic-ai#2327, strands-agents/harness-sdk#1435, 2025 and January 2026",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="a call or a result twice",
        words=_repeated,
        source="BerriAI/litellm#20049, January 2026; the words are ours",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="results in several messages of a turn",
        words=_scattered,
        source="agno-agi/agno#6694, February 2026",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="a call that nobody answered",
        words=_unanswered,
        source="agno-agi/agno#6698, genkit-ai/genkit#664, zeroclaw#1476, 2025 and 2026",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="results among other blocks",
        words=_mixed,
        source="langchain-ai/langchain-aws#141, August 2024; recorded traffic of Writer, 2026",
        forms=CONVERSE_ALONE,
        models=("meta.llama", "mistral.", "writer.palmyra"),
    ),
    Row(
        name="a result that is JSON and no object",
        words=_no_objects,
        source="aws/aws-sdk-js-v3#7330, September 2025; maximhq/bifrost#1330, January 2026",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="a picture in a result",
        words=_pictures,
        source="anomalyco/opencode#49443 (measured), September 2026; AWS API reference, "
        "ToolResultContentBlock, November 2026",
        forms=CONVERSE_ALONE,
        except_models=(*CLAUDE, "amazon.nova", "meta.llama4"),
    ),
    Row(
        name="the status of a result",
        words=_status,
        source="recorded traffic of Writer without it, and Pydantic AI's profile of the model, "
        "November 2026; the words are ours",
        forms=CONVERSE_ALONE,
        models=("writer.palmyra",),
    ),
    Row(
        name="calls and results without tools, to Claude",
        words=_without_tools_by_claude,
        source="Anthropic's API; public reports, 2025 and 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="a call that nobody answered, to Claude",
        words=_unanswered_by_claude,
        source="Kilo-Org/kilocode#5163, January 2026; anthropics/claude-code#5060, August 2025",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="something between a call and its result, to Claude",
        words=_parted_by_claude,
        source="langchain-ai/langchain-aws#389, March 2025; BerriAI/litellm#24361, March 2026; "
        "pydantic/pydantic-ai#7564, August 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="documents next to results, to Claude",
        words=_beside_documents_by_claude,
        source="pydantic/pydantic-ai#3253, October 2025; #6081 and #6098 (measured), June 2026",
        forms=CONVERSE_ALONE,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="a result that nobody asked for, to Claude",
        words=_unasked_by_claude,
        source="decocms/studio#1803, November 2025",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="a call or a result twice, to Claude",
        words=_repeated_by_claude,
        source="Anthropic's API; public reports, 2025 and 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="calls and results of different numbers, to Mistral",
        words=_uneven_by_mistral,
        source="Mistral's own validation (mistral-common), public reports, 2025 and 2026",
        forms=(Form.CHAT,),
        models=("mistral.mistral-large-2407", "mistral.pixtral"),
    ),
    Row(
        name="ids of calls, to Mistral",
        words=_ids_of_mistral,
        source="anomalyco/opencode#48843, September 2026, measured on Pixtral, Large 2402 and "
        "Small 2402; vercel/ai#11863, January 2026",
        forms=(Form.CONVERSE, Form.CHAT),
        models=(
            "mistral.mistral-large-2402",
            "mistral.mistral-small-2402",
            "mistral.mistral-large-2407",
            "mistral.pixtral",
        ),
        is_vendors=True,
    ),
)
