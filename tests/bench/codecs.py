"""What a codec costs, every codec on every surface that is installed.

    ten short messages   decode and encode of a request, against boto3's `invoke_model`
    ten messages         the same of longer ones, against `orjson.loads` and `orjson.dumps` of it
    chunk                decode of a stream's text, a hundred words in a chunk, against
                         `orjson.loads` of every chunk

The ten messages are a made-up conversation of a real one's shape and length: six questions of one
or two sentences, four answers of 360 words in Markdown with lists, quotation marks and code, 8 kB
in all; the short ones are the first 200 characters of each. A family that takes a prompt and no
conversation gets the same text as one user message. For the short ones no share of orjson's cost is
told: ten frozen messages alone cost 4 us, as much as orjson takes for all of 2 kB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import orjson
from attrs import evolve

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.emulator.streaming import batches_of
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

from .callers import SETTINGS, boto3s
from .rows import Row, cpu_us, row
from .service import running_service

ROUNDS, SHORT_ROUNDS, REPEATS, CALLS = 15, 7, 20, 100

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
    "Short, please: it goes into a ticket for Zoe.",
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
so. A naive loop shows \
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
a week: the cafe rule, "never renovate the kitchen and the menu on the same day", holds for \
exports too.
"""


def conversation() -> CompletionRequest:
    turns = zip(map(user, QUESTIONS), map(assistant, (ANSWER,) * 4), strict=True)
    messages = (*chain.from_iterable(turns), *map(user, LAST_QUESTIONS))
    return CompletionRequest(messages, inference=Inference(max_tokens=1000))


def shortened(request: CompletionRequest) -> CompletionRequest:
    """Of each message the first 200 characters."""
    messages = (text_message(message.role, message.text[:200]) for message in request.messages)
    return evolve(request, messages=tuple(messages))


def _taken(codec: FamilyCodec, request: CompletionRequest) -> CompletionRequest:
    """The conversation, or one message with its text where the family takes no other."""
    if not codec.is_single_turn:
        return request
    return evolve(
        request, messages=(user("\n\n".join(message.text for message in request.messages)),)
    )


CONVERSATION = conversation()
FACTS = ModelFacts()


def measure() -> Iterator[Row]:
    os.environ.update(SETTINGS)
    codecs = list(load_codecs("bedrock").registry.of_kind(FamilyCodec))
    with running_service(with_tls=False) as service:
        call = boto3s(service.burst_url)["call"]
        call(CALLS)  # warm
        calls = [cpu_us(call, CALLS, service.answered) for _ in range(SHORT_ROUNDS)]
    yield from _short(codecs, calls)
    for codec in codecs:
        yield _row("codecs: ten messages", codec, *_body(codec, _taken(codec, CONVERSATION)))
    for codec in codecs:
        if codec.streams:
            yield _row("codecs: chunk of a stream", codec, *_chunks(codec))


def _short(codecs: Sequence[FamilyCodec], calls: Sequence[float]) -> Iterator[Row]:
    """Of every codec; first of Anthropic's and of the dearest."""
    section = "codecs: ten short messages"
    rows = {}
    for codec in codecs:
        work, _ = _body(codec, _taken(codec, shortened(CONVERSATION)))
        costs = [_us(work) for _ in calls]
        rows[_name(codec)] = row(section, _name(codec), "invoke_model", costs, calls)
    yield evolve(rows["anthropic (invoke)"], name="ten short messages, Anthropic's")
    dearest = max(rows.values(), key=lambda one: one.ratio)
    yield evolve(dearest, name="ten short messages, dearest")
    yield from rows.values()


def _row(
    section: str, codec: FamilyCodec, ours: Callable[[], object], baseline: Callable[[], object]
) -> Row:
    rounds = [(_us(ours), _us(baseline)) for _ in range(ROUNDS)]
    mine, theirs = zip(*rounds, strict=True)
    return row(section, _name(codec), "orjson", mine, theirs)


def _name(codec: FamilyCodec) -> str:
    return f"{codec.name} ({codec.surface})"


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


def _us(work: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - before) / REPEATS * 1e6
