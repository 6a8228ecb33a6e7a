"""Server-sent events: the same for every way of cutting, and those that other readers see."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import DecodeError
from axonflow_core.framing.sse import DONE, MAX_STRAY_BYTES, SseDecoder, SseEvent, encode_event

Pairs = list[tuple[str, str]]


def read(*pieces: bytes) -> Pairs:
    """The events in `pieces`, each as name and data."""
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.finish()
    return [(event.event, event.data) for event in events]


# ── the standard's own examples and rules ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
            b"data:  third event\n\n",
            [("message", "first event"), ("message", "second event"), ("message", " third event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [("message", ""), ("message", "\n")]),
        (b"data:test\n\ndata: test\n\n", [("message", "test"), ("message", "test")]),
        (b"event: add\ndata: 73857293\n\n", [("add", "73857293")]),
    ],
    ids=["lines are joined", "comment and ids", "empty data", "one space", "named"],
)
def test_the_examples_of_the_standard(stream: bytes, events: Pairs) -> None:
    # WHATWG HTML, 9.2.6 "Interpreting an event stream", read 2026-11-28
    assert read(stream) == events


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=repr)
def test_lines_end_with_lf_cr_or_both(end: bytes) -> None:
    stream = end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])

    assert read(stream) == [("a", "1\n2"), ("message", "3")]


def test_an_event_that_cr_ends_does_not_wait_for_more_bytes() -> None:
    decoder = SseDecoder()

    assert decoder.feed(b"data: 1\r\r") == [SseEvent("1")]
    assert decoder.feed(b"\ndata: 2\n\n") == [SseEvent("2")]


def test_a_byte_order_mark_is_skipped_at_the_beginning_alone() -> None:
    mark = "\N{BOM}".encode()

    assert read(mark + b"data: " + mark + b"1\n\n") == [("message", "\N{BOM}1")]
    assert read(b"data: 1\n\n" + mark + b"data: 2\n\n") == [("message", "1")]


@pytest.mark.parametrize("field", [b"datax: 1", b"Data: 1", b" data: 1", b"retry: 5", b"id: 7"])
def test_other_fields_are_no_data(field: bytes) -> None:
    assert read(field + b"\n\ndata: 2\n\n") == [("message", "2")]


def test_lines_of_no_field_are_kept_beside_the_events_and_bounded() -> None:
    decoder = SseDecoder()
    decoder.feed(b': a comment\nid: 1\nretry: 2\ndata: x\n\n{\n "error": 5\n')
    decoder.feed(b"}")

    assert decoder.strays == b'{\n "error": 5\n}'
    decoder.feed(b"\n" + b"y" * MAX_STRAY_BYTES + b"\n")
    assert len(decoder.strays) < MAX_STRAY_BYTES


def test_an_event_without_data_is_none_and_leaves_no_name_behind() -> None:
    assert read(b"event: ping\n\ndata: 1\n\n") == [("message", "1")]


def test_an_event_that_is_not_ended_is_dropped() -> None:
    assert read(b"data: 1\n\ndata: 2\n") == [("message", "1")]


# ── cutting ───────────────────────────────────────────────────────────────────────────────────────

LINES = st.one_of(
    st.sampled_from(
        ["", ":", ": ping", "data", "data:", "data: ", "data:  two", "event: a", "event", "id: 1"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8).map(
        lambda text: f"data: {text}"
    ),
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    mark = draw(st.sampled_from(["", "\N{BOM}"]))
    lines = draw(st.lists(st.tuples(LINES, ENDS), max_size=12))
    return (mark + "".join(map("".join, lines))).encode()


def cut(data: bytes, places: set[int]) -> list[bytes]:
    bounds = [0, *sorted(place for place in places if place < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


@given(streams(), st.sets(st.integers(0, 120)))
def test_every_cutting_gives_the_same_events(stream: bytes, places: set[int]) -> None:
    whole = read(stream)

    assert read(*cut(stream, places)) == whole
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


@given(streams())
def test_consumed_bytes_stand_in_whole_events(stream: bytes) -> None:
    decoder, at_once = SseDecoder(), SseDecoder()
    for at in range(len(stream)):
        decoder.feed(stream[at : at + 1])
    at_once.feed(stream)

    assert read(stream[: decoder.consumed_bytes]) == read(stream)
    assert read(stream[decoder.consumed_bytes :]) == []
    assert decoder.consumed_bytes == at_once.consumed_bytes


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([None, "delta"]))
def test_what_is_encoded_is_read_again(data: str, event: str | None) -> None:
    lines = data.replace("\r\n", "\n").replace("\r", "\n")

    assert read(encode_event(data, event)) == [(event or "message", lines)]


# ── readers of other people ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("client", ["openai", "anthropic"])
@given(st.lists(st.tuples(LINES, ENDS), max_size=12))
def test_a_vendors_client_reads_the_same_events(client: str, lines: list[tuple[str, str]]) -> None:
    pytest.importorskip(client, reason=f"{client}'s client is not installed")
    stream = "".join(map("".join, lines)).encode()

    theirs = import_module(f"{client}._streaming").SSEDecoder().iter_bytes(iter([stream]))

    # Clients report an event without data too, and do not tell it from one with empty data.
    found = [(event.event or "message", event.data) for event in theirs if event.data]
    assert [(name, data) for name, data in read(stream) if data] == found


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


def test_what_is_no_utf8_is_an_error_after_the_events_before_it() -> None:
    decoder = SseDecoder()

    assert decoder.feed(b"data: 1\n\ndata: \xff\n\n") == [SseEvent("1")]
    for _ in range(2):
        with pytest.raises(DecodeError, match="not UTF-8"):
            decoder.feed(b"")
    with pytest.raises(DecodeError):
        decoder.finish()


@pytest.mark.parametrize(
    "endless", [b"data: " + b"x" * 4096 + b"\n", b"x" * 4096, b"data:\n" * 1024], ids=len
)
def test_an_endless_event_is_refused(endless: bytes) -> None:
    decoder = SseDecoder(max_event_bytes=100_000)

    with pytest.raises(DecodeError, match="longer than 100000 bytes"):
        for _ in range(200):
            decoder.feed(endless)


def test_comments_are_no_part_of_an_event_however_many_come() -> None:
    decoder = SseDecoder(max_event_bytes=100_000)
    for _ in range(3):
        decoder.feed(b": ping\n" * 10_000)

    assert decoder.feed(b"data: 1\n\n") == [SseEvent("1")]


# ── what an event holds ───────────────────────────────────────────────────────────────────────────


def test_data_is_json_or_the_word_done() -> None:
    assert SseEvent('{"n": 12345678901234567890123}').json() == {"n": 12345678901234567890123}
    assert SseEvent(DONE).json() == DONE
    assert SseEvent(DONE).is_done and not SseEvent('"[DONE]"').is_done


def test_data_that_is_no_json_is_an_error_that_does_not_quote_it() -> None:
    with pytest.raises(DecodeError, match="7 characters that are no JSON") as caught:
        SseEvent("private").json()

    assert "private" not in str(caught.value)
    assert "private" not in repr(SseEvent("private"))
