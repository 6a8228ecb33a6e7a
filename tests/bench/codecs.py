"""What a codec costs, as a ratio to what orjson costs for the same JSON, in the same run.

    body      decode and encode of a request of ten messages, against `orjson.loads` and
              `orjson.dumps` of it
    chunks    decode of a stream's text, a hundred words in a chunk each, against `orjson.loads` of
              every chunk

The ten messages are a made-up conversation of a real one's shape and length: six questions of one
or two sentences, four answers of 360 words in Markdown with lists, quotation marks and code, two
accented letters in every other answer, 8 kB in all. A family that takes a prompt and no
conversation gets the same text as one user message. An accent makes a string dear to orjson, while
most of a codec's cost is in the number of values: so the ratios are told too for the same text in
ASCII, and for the first 200 characters of each message of that. For the latter no goal is set: ten
frozen messages alone cost 4 us, as much as orjson takes for all of 2 kB.

Every codec on every surface that is installed. Times are of this process alone; the median of
interleaved rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import chain

import orjson
from attrs import evolve

from axonflow_bedrock.emulator.streaming import batches_of
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    StopReason,
    Text,
    assistant,
    text_message,
    user,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import TextDelta

ROUNDS, REPEATS = 25, 40

QUESTIONS = (
    "Our nightly export has become slow: it took 20 minutes in March and takes almost two hours "
    "now. Where do I begin?",
    "It is one table, about 40 million rows, and we read it with an ORM. I can't change the schema "
    "before autumn.",
    'The profiler says that most of the time goes into "fetch". Does that mean the database is at '
    "fault?",
    "We tried a bigger page of 5000 rows. It helped a little, and then the worker ran out of "
    "memory at night.",
)
LAST_QUESTIONS = (
    "Good. Could you sum up what we do first?",
    "Short, please: it goes into a ticket for Zoë.",
)
ANSWER = """\
There are three usual suspects, and it pays to look at them **in this order**, because each one \
is cheaper to rule out \
than the next.

1. **The query plan.** A plan that was right for a million rows may be wrong for forty. Run \
`EXPLAIN (ANALYZE)` \
on the statement that the ORM sends, not on the one you would have written by hand; the two are \
seldom the same.
2. **The paging.** "OFFSET" reads and throws away everything before the page, so the last page \
costs as much as the \
whole table. Paging by the key costs the same for every page.
3. **The objects.** An ORM that builds one object for each row spends most of its time in doing \
so. A naïve loop shows \
this as time in "fetch", though the database has long since answered.

A loop that does without all three looks like this:

```python
def rows(connection, page=2000):
    last = 0
    while True:
        batch = connection.execute(
            "SELECT id, payload FROM events WHERE id > %s ORDER BY id LIMIT %s", (last, page)
        ).fetchall()
        if not batch:
            return
        yield from batch
        last = batch[-1][0]
```

Some remarks on it:

- It keeps one page in memory and no more, so the worker's limit is a matter of `page` alone.
- It can be *resumed*: write `last` down after each page, and a run that was cut off goes on \
where it stopped.
- It wants an index on `id`, which as the primary key it has anyway.
- As long as `len(batch) < page` you have come to the end, and may spare the last query.

Before you change anything, measure: log the time of each page for one night, and put the numbers \
beside those of \
the plan. If the first page is as slow as the last, paging is not your problem; if each is slower \
than the one before, \
you have found it. Whatever comes out, change **one** thing at a time, and keep the old export \
beside the new one for \
a week: the café rule, "never renovate the kitchen and the menu on the same day", holds for \
exports too.
"""
IN_ASCII = str.maketrans("éëï", "eei")


def conversation(other_answer: str) -> CompletionRequest:
    turns = zip(map(user, QUESTIONS), map(assistant, (ANSWER, other_answer) * 2), strict=True)
    messages = (*chain.from_iterable(turns), *map(user, LAST_QUESTIONS))
    return CompletionRequest(messages, inference=Inference(max_tokens=1000))


def in_ascii(request: CompletionRequest, length: int | None = None) -> CompletionRequest:
    """The same text without accents, of each message the first `length` characters."""
    return evolve(
        request,
        messages=tuple(
            text_message(m.role, m.text.translate(IN_ASCII)[:length]) for m in request.messages
        ),
    )


def as_given(request: CompletionRequest) -> CompletionRequest:
    return request


def as_prompt(request: CompletionRequest) -> CompletionRequest:
    return evolve(
        request, messages=(user("\n\n".join(message.text for message in request.messages)),)
    )


CONVERSATION = conversation(ANSWER.translate(IN_ASCII))
FACTS = ModelFacts()


def measure() -> None:
    bodies: list[float] = []
    plain_bodies: list[float] = []
    short_bodies: list[float] = []
    chunks: list[float] = []
    for codec in load_codecs("bedrock").registry.of_kind(FamilyCodec):
        name = f"{codec.name} ({codec.surface})"
        takes = as_prompt if codec.is_single_turn else as_given
        ratio, told = _measured(*_body(codec, takes(CONVERSATION)))
        plain, _ = _measured(*_body(codec, takes(in_ascii(CONVERSATION))))
        short, _ = _measured(*_body(codec, takes(in_ascii(CONVERSATION, 200))))
        bodies.append(ratio)
        plain_bodies.append(plain)
        short_bodies.append(short)
        sys.stdout.write(f"body   {name:<32} {told}   in ASCII {plain:.2f}, short {short:.2f}\n")
        if codec.streams:
            ratio, told = _measured(*_chunks(codec))
            chunks.append(ratio)
            sys.stdout.write(f"chunks {name:<32} {told}\n")
    for what, ratios in {
        "body": bodies,
        "body in ASCII": plain_bodies,
        "short body": short_bodies,
        "chunks": chunks,
    }.items():
        sys.stdout.write(
            f"{what:<14} median {statistics.median(ratios):.2f}, highest {max(ratios):.2f}\n"
        )


def _body(
    codec: FamilyCodec, request: CompletionRequest
) -> tuple[Callable[[], object], Callable[[], object]]:
    native = codec.encode_request(request, FACTS)
    text = orjson.dumps(native)

    def ours() -> None:
        codec.encode_request(codec.decode_request(native, FACTS), FACTS)

    def baseline() -> None:
        orjson.dumps(orjson.loads(text))

    return ours, baseline


def _chunks(codec: FamilyCodec) -> tuple[Callable[[], object], Callable[[], object]]:
    completion = Completion((Text("one two three four five " * 20),), StopReason.END_TURN)
    encoder = codec.stream_encoder(StreamContext(id="1", model="m", created=1), FACTS)
    batches = [batch for batch in batches_of(completion) if isinstance(batch[0], TextDelta)]
    chunks = [chunk for batch in batches for chunk in encoder.encode(batch)]
    texts = [orjson.dumps(chunk) for chunk in chunks]

    def ours() -> None:
        decoder = codec.stream_decoder(FACTS)
        for chunk in chunks:
            decoder.feed(chunk)

    def baseline() -> None:
        for text in texts:
            orjson.loads(text)

    return ours, baseline


def _measured(ours: Callable[[], object], baseline: Callable[[], object]) -> tuple[float, str]:
    """The ratio, and how it came about."""
    rounds = [(_seconds(ours), _seconds(baseline)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / theirs for mine, theirs in rounds)
    mine, theirs = (statistics.median(each) / REPEATS * 1e6 for each in zip(*rounds, strict=True))
    return ratio, f"{mine:8.2f} us   orjson {theirs:8.2f} us   ratio {ratio:5.2f}"


def _seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(REPEATS):
        work()
    return time.process_time() - before
