"""What is planted anywhere in a call reaches no model in any dialect, and of what is planted in an
answer nothing reaches a client in any.

    request  client's JSON -> values -> governed -> the model's JSON
    answer   the model's values -> governed -> client's JSON, or its chunks

The tables of positions and of delays are printed by

    pytest -s -m "" -k table tests/together/test_screening.py
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from governance.governed import (
    FakeAudit,
    FakeProvider,
    FakeStream,
    Governed,
    all_of,
    answer_of,
    call_of,
    policy_of,
    quiet_policy,
)
from governance.positions import CARD, MASK, fixed, replaced
from server.in_process import Served
from together.test_crossing import PARTIES, Party

from axonflow_core import Runtime
from axonflow_core.codec import StreamContext
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.errors import AxonFlowError, EncodeError, UnencodableAnswer
from axonflow_core.frozen import evolve
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.json import dumps, to_json
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
)
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.masks import Redaction
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Verdict
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    assemble,
)
from axonflow_core.testing.mock_transport import MockAnswer, MockTransport

REPLACED, FIXED = replaced(CARD), fixed(CARD)
POSITIONS = {**REPLACED, **FIXED}
BLOCK, REDACT = policy_of(Action.BLOCK), policy_of(Action.REDACT)
BARE = CARD.replace(" ", "")
FORMS = (CARD.encode(), BARE.encode(), b64encode(f"it is {CARD}, yes".encode()))
"""The card as the positions have it: in blocks, as a number, in a file."""
_AROUND = re.compile(rf'\\*"?({re.escape(MASK)})\\*"?')


def holds_card(data: bytes) -> bool:
    return any(form in data for form in FORMS)


def native_of(party: Party, request: CompletionRequest) -> Any:
    """What a client of that dialect sends; None where it has no place for the card."""
    try:
        native = party.codec.encode_request(request, party.facts)
        again = party.codec.decode_request(native, party.facts)
        data = dumps(party.codec.encode_request(again, party.facts))
    except AxonFlowError:
        return None
    return native if holds_card(data) else None


def masked(data: bytes) -> str:
    """The JSON with the mask instead of the card, without the quotes that a number has not."""
    text = data.decode().replace(CARD, MASK).replace(BARE, MASK)
    return _AROUND.sub(r"\1", text)


async def outcomes(party: Party) -> list[tuple[str, str]]:
    """Position -> what became of the card there."""
    found: list[tuple[str, str]] = []
    for position, request in POSITIONS.items():
        native = native_of(party, request)
        if native is None:
            continue
        decoded = party.codec.decode_request(native, party.facts)
        blocked = Governed(provider=FakeProvider(answer_of()), policy=BLOCK)
        assert (await blocked.complete(decoded)).verdict is Verdict.BLOCKED, position
        assert blocked.provider.asked == [], position
        governed = Governed(provider=FakeProvider(answer_of()), policy=REDACT)
        outcome = await governed.complete(decoded)
        found.append((position, str(outcome.verdict)))
        if outcome.verdict is Verdict.BLOCKED:
            assert outcome.stopping is not None
            assert (outcome.stopping.reason or "").endswith("cannot be replaced."), position
            assert governed.provider.asked == []
            continue
        (sent,) = governed.provider.asked
        before = party.codec.encode_request(decoded, party.facts)
        try:
            after = dumps(party.codec.encode_request(sent, party.facts))
        except EncodeError:
            continue  # no mask fits there, and nothing is sent
        assert not holds_card(after), position
        assert _AROUND.sub(r"\1", after.decode()) == masked(dumps(before)), position
    return found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("party", PARTIES, ids=str)
async def test_a_card_in_a_request_of_a_dialect_reaches_no_model(party: Party) -> None:
    found = dict(await outcomes(party))
    assert {"system", "user", "earlier user", "assistant"} & found.keys()


NOT_SAID = {"an option", "an unknown block", "how a member is spelled"}
"""What each dialect has words of its own for, or no words."""


@pytest.mark.thorough
async def test_the_table_of_positions() -> None:
    table: dict[str, Counter[str]] = {position: Counter() for position in POSITIONS}
    for party in PARTIES:
        for position, verdict in await outcomes(party):
            table[position][verdict] += 1
    print(f"{'position':40} dialects   masked  blocked in MASK")  # noqa: T201 - to be seen
    for position, counts in table.items():
        masks, blocks = counts["redacted"], counts["blocked"]
        print(f"{position:40} {masks + blocks:8} {masks:8} {blocks:16}")  # noqa: T201
    assert {position for position, counts in table.items() if not counts} == NOT_SAID


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

SAID = f"So it is {CARD}, and this is all there is to say about it."
CHARACTERS_IN_A_SECOND = 200
"""Of a model that writes 50 tokens of 4 characters in a second."""
CONTEXT = StreamContext("id_1", "model_1", 7)
PLACES: dict[str, Any] = {
    "text": (Text(SAID),),
    "text behind text": (Text("Well. "), Text(SAID)),
    "reasoning": (Reasoning(SAID, "c2VhbGVk"), Text("So it is.")),
    "tool arguments": (ToolUse("t_1", "look_up", {"note": SAID, "n": [1]}),),
    "tool arguments behind text": (Text("I look."), ToolUse("t_1", "look_up", {"of": CARD})),
}
"""Where a card stands in an answer -> the answer's blocks."""


def cut_up(content: Sequence[Any], size: int, first: int) -> list[tuple[Batch, ...]]:
    """A stream of these blocks: a read for each piece of their texts."""
    events: list[StreamEvent] = [Started("id_1", "model_1")]
    for index, block in enumerate(content):
        if isinstance(block, ToolUse):
            written = dumps(block.input).decode()
            events.append(BlockStart(index, evolve(block, input={})))
            events += (ToolInputDelta(piece, index) for piece in pieces(written, size, first))
        elif isinstance(block, Reasoning):
            events.append(BlockStart(index, Reasoning()))
            cut = pieces(block.text, size, first)
            events += (ReasoningDelta(piece, index=index) for piece in cut)
            events.append(ReasoningDelta(signature=block.signature, index=index))
        else:
            events.append(BlockStart(index, Text("")))
            events += (TextDelta(piece, index) for piece in pieces(block.text, size, first))
        events.append(BlockStop(index))
    ended = (UsageUpdate(answer_of().usage), Stopped(StopReason.END_TURN), Ended())
    return [*(((event,),) for event in events), (ended,)]


def pieces(text: str, size: int, first: int) -> list[str]:
    return [text[:first], *(text[at : at + size] for at in range(first, len(text), size))]


async def left_of(reads: list[tuple[Batch, ...]], policy: Any) -> list[Batch]:
    stream = await Governed(provider=FakeProvider(FakeStream(reads)), policy=policy).stream()
    return await all_of(stream)


def chunks_of(party: Party, batches: Sequence[Batch]) -> list[Any]:
    """What a client of the dialect gets of a stream."""
    encoder = party.codec.stream_encoder(CONTEXT, party.facts)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def read_again(party: Party, chunks: Sequence[Any]) -> tuple[list[StreamEvent], Completion]:
    """The stream as a client of the dialect reads it. `TruncatedStream` where it has no end."""
    decoder = party.codec.stream_decoder(party.facts)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    events += decoder.finish() or ()
    return events, assemble(events)


STREAMED = [party for party in PARTIES if party.codec.streams]


async def streamed_places(party: Party, place: str) -> bool:
    """Whether the dialect has such an answer; nothing of its card reaches a client then, and the
    stream has one end."""
    blocked = await left_of(cut_up(PLACES[place], 5, 2), BLOCK)
    redacted = await left_of(cut_up(PLACES[place], 5, 2), REDACT)
    try:
        chunks, others = chunks_of(party, blocked), chunks_of(party, redacted)
    except (EncodeError, UnencodableAnswer):
        return False
    assert b"1111" not in RECORD.sub(b"", dumps(chunks) + dumps(others))
    assert MASK.encode() in dumps(others) or place == "reasoning"
    for each in (chunks, others):
        events, answer = read_again(party, each)
        kinds = Counter(map(type, events))
        assert (kinds[Started] <= 1, kinds[Ended]) == (True, 1)
        assert answer.stop_reason is not None
    return True


@pytest.mark.sampled(3)
@pytest.mark.parametrize("party", STREAMED, ids=str)
async def test_of_a_card_in_a_stream_no_byte_reaches_a_client_and_the_stream_has_one_end(
    party: Party,
) -> None:
    assert "text" in [place for place in PLACES if await streamed_places(party, place)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("party", PARTIES, ids=str)
async def test_of_a_card_in_a_whole_answer_no_byte_reaches_a_client(party: Party) -> None:
    said = []
    for place, content in PLACES.items():
        answer = answer_of(content=content)
        blocked = await Governed(provider=FakeProvider(answer), policy=BLOCK).complete()
        redacted = await Governed(provider=FakeProvider(answer), policy=REDACT).complete()
        assert blocked.completion is None
        assert redacted.completion is not None
        try:
            native = dumps(party.codec.encode_response(redacted.completion, party.facts))
        except (EncodeError, UnencodableAnswer):
            continue
        said.append(place)
        assert b"1111" not in RECORD.sub(b"", native)
    assert "text" in said


def of_anthropic(*blocks: tuple[dict[str, Any], Sequence[dict[str, Any]]]) -> bytes:
    """The body of a stream of Anthropic's with these blocks, each with its deltas."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (block, deltas) in enumerate(blocks):
        begin = {"type": "content_block_start", "content_block": block}
        middle = ({"type": "content_block_delta", "delta": delta} for delta in deltas)
        end = {"type": "content_block_stop"}
        events += ({**each, "index": index} for each in (begin, *middle, end))
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    events += (
        {"type": "message_delta", "delta": stopped, "usage": usage},
        {"type": "message_stop"},
    )
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), dumps(e)) for e in events)


def deltas(kind: str, member: str, text: str) -> list[dict[str, Any]]:
    return [{"type": kind, member: piece} for piece in pieces(text, 13, 8)]


SEALED = {"type": "signature_delta", "signature": "c"}
RECORD = re.compile(rb"\(record [0-9a-f]+\)")
"""The record that a stopped stream names: any digits may stand in its id."""
WIRES = {
    "reasoning": (
        {"type": "thinking", "thinking": "", "signature": ""},
        [*deltas("thinking_delta", "thinking", SAID), SEALED],
    ),
    "text": ({"type": "text", "text": ""}, deltas("text_delta", "text", SAID)),
    "tool arguments": (
        {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}},
        deltas("input_json_delta", "partial_json", dumps({"note": SAID}).decode()),
    ),
}
"""A block of a stream of Anthropic's with a card in it, and its deltas."""
STEPS = [
    37,
    pytest.param(5, marks=pytest.mark.thorough),
    pytest.param(1, marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize("step", STEPS, ids=["some", "more", "all"])
@pytest.mark.parametrize("block", WIRES.values(), ids=WIRES)
async def test_of_a_card_in_a_stream_no_byte_leaves_wherever_its_bytes_are_cut(
    block: Any, step: int
) -> None:
    wire, headers = of_anthropic(block), {"content-type": "text/event-stream"}
    reads: list[bytes] = []
    client = MockTransport(lambda request: MockAnswer(headers=headers, reads=tuple(reads)))
    key = {"ANTHROPIC_API_KEY": "sk-ant-1"}
    async with Runtime.open(provider="anthropic", environment=key, client=client) as runtime:

        async def left(policy: Policy) -> list[StreamEvent]:
            governance = Governance(Policies(policy), runtime.router, audit)
            stream = await governance.stream(call_of("What is it?"))
            assert isinstance(stream, GovernedStream)
            return list(chain(*await all_of(stream)))

        audit: Any = FakeAudit()
        for at in range(1, len(wire), step):
            reads[:] = wire[:at], wire[at:]
            said = RECORD.sub(b"", dumps(list(map(to_json, await left(BLOCK)))))
            assert b"1111" not in said, at
            answer = assemble(await left(REDACT))
            said = [
                answer.reasoning,
                answer.text,
                *(call.input["note"] for call in answer.tool_uses),
            ]
            assert "".join(said) == SAID.replace(CARD, MASK), at


async def test_without_a_policy_the_card_reaches_client_and_model() -> None:
    for place, content in PLACES.items():
        batches = await left_of(cut_up(content, 5, 2), quiet_policy())
        answer = assemble(event for batch in batches for event in batch)
        assert CARD.encode() in dumps(to_json(answer)), place
    for request in POSITIONS.values():
        governed = Governed(provider=FakeProvider(answer_of()), policy=quiet_policy())
        await governed.complete(request)
        assert holds_card(dumps(to_json(governed.provider.asked[0])))


async def most_held(policy: Policy) -> int:
    """Characters that came and had not left, while they came one by one."""
    text = "It is said that the sky is blue. " * 60
    upstream = FakeStream(cut_up((Text(text),), 1, 0))
    stream = await Governed(provider=FakeProvider(upstream), policy=policy).stream()
    left, most = 0, 0
    while read := await stream.read():
        came = len(text) - max(0, len(upstream.left) - 2)
        most = max(most, came - left)
        left += sum(type(event) is TextDelta for batch in read for event in batch)
    return most


async def test_the_table_of_delays() -> None:
    held = {"screened": await most_held(BLOCK), "not screened": await most_held(quiet_policy())}
    for name, most in held.items():
        delay_ms = most / CHARACTERS_IN_A_SECOND * 1_000
        print(f"{name:14} at most {most} characters, {delay_ms:.0f} ms")  # noqa: T201 - to be seen
    assert 128 <= held["screened"] <= 128 + 96 + 1
    assert held["not screened"] <= 1


# ── the server, in front of a vendor's emulator ───────────────────────────────────────────────────

MODEL = "us.anthropic.claude-sonnet-4-6"
MADE_UP = "378282246310005"
SCRIPT = [{"when": "", "answer": f"I pay [PAYMENT_CARD_1]; not {MADE_UP}."}]
KEYS = throwaway_keys()


async def asked(folder: Any, policies: PoliciesConfig, body: dict[str, Any]) -> Any:
    """The answer of the server to a proxy request, Bedrock's emulator behind it."""
    config = Config(
        providers={
            "bedrock": ProviderConfig(
                "bedrock", is_enabled=True, config={"region": "us-east-1", "model": MODEL}
            )
        },
        server=ServerConfig(clients={"acme": ClientConfig("acme", roles=tuple(Role))}),
        policies=policies,
        audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"),
    )
    service = await Service.open(config, KEYS, ServerState(Limits()))
    try:
        return await Served(service, KEYS).post("/api/request", body)
    finally:
        await service.aclose()


@pytest.mark.bedrock(script=SCRIPT)
@pytest.mark.parametrize("place", ["query", "system_prompt"])
async def test_a_card_in_a_proxy_call_does_not_leave_the_server(
    bedrock_environment: Any, tmp_path: Any, place: str
) -> None:
    body: dict[str, Any] = {"query": "pay it", "user_token": "ann"}
    body |= {"query": SAID} if place == "query" else {"context": {"system_prompt": SAID}}
    reply = await asked(tmp_path, PoliciesConfig(actions={"pii": Action.BLOCK}), body)
    assert (reply.status, list(bedrock_environment.calls)) == (403, [])
    reply = await asked(tmp_path, PoliciesConfig(actions={"pii": Action.REDACT}), body)
    (call,) = bedrock_environment.calls
    assert not holds_card(call.body)
    assert MASK.encode() in call.body
    assert MADE_UP not in reply.body.decode()


@pytest.mark.bedrock(script=SCRIPT)
async def test_a_user_of_the_server_reads_what_the_model_meant_and_not_what_it_made_up(
    bedrock_environment: Any, tmp_path: Any
) -> None:
    policies = PoliciesConfig(actions={"pii": Action.REDACT}, redaction=Redaction.REVERSIBLE)
    reply = await asked(tmp_path, policies, {"query": SAID, "user_token": "ann"})
    (call,) = bedrock_environment.calls
    assert not holds_card(call.body)
    assert b"[PAYMENT_CARD_1]" in call.body
    assert reply.json["data"]["data"] == f"I pay {CARD}; not {MASK}."
    assert reply.json["metadata"]["placeholders"] == {
        "replaced": {"payment_card": 1},
        "restored": {"payment_card": 1},
    }
