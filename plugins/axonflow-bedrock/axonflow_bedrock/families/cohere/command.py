"""Cohere Command on InvokeModel: a prompt in, generations out. Command R, which takes a chat, is in
`command_r`.

    {"prompt", "max_tokens", "temperature", "p", "k", "stop_sequences", "num_generations", "stream",
    …} {"id", "prompt", "generations": [{"id", "text", "finish_reason"}, …]}

An answer comes in pieces only if the body says `"stream": true`; otherwise a stream is the whole
answer in one chunk:

    {"is_finished": false, "text"} … {"is_finished": true, "finish_reason"}

Several generations are several text blocks. A piece then says with `index` to which it belongs.
There is no template: AWS says of the family that it has no chat. What stands next to the text of a
generation (its `id`, its likelihoods) has no neutral name and stays there.

Source: AWS user guide, "Cohere Command models", and recorded traffic (7 exchanges), November 2026.
Pieces are not in that traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.codec import Feature, ModelFacts, NativeNames, StreamContext
from axonflow_core.codec.json_members import (
    array_in,
    integer,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.messages import Completion, Json, StopReason, Text
from axonflow_core.stream import Batch, BlockStart, Ended, Started, assemble, batch_of

from ...shapes.completions import (
    ChunkDecoder,
    ChunkEncoder,
    Form,
    Piece,
    bare,
    completions_codec,
    refuse_all_but_text,
)
from ...shapes.templates import NO_TEMPLATE

_ANSWER_KEYS = frozenset({"id", "prompt", "generations"})
_GENERATION_KEYS = frozenset({"text", "finish_reason"})
_CHUNK_KEYS = frozenset({"text", "finish_reason", "is_finished", "index"})
_PARAMETERS = {"max_tokens": "max_tokens", "temperature": "temperature", "p": "top_p", "k": "top_k"}
_OPTIONS = frozenset({"return_likelihoods", "stream", "num_generations", "logit_bias", "truncate"})


# ── whole answers ─────────────────────────────────────────────────────────────────────────────────


def _decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """`{"generations": [{"id", "text", "finish_reason"}], "id", "prompt"}`: one text for each
    generation. Where the finish reasons differ, all of them are in `stop_details`."""
    generations = array_in(body, "generations")
    reasons = [generation.get("finish_reason") for generation in generations]
    return with_facts(
        Completion,
        body,
        {"id": "id"},
        unknown_members(body, _ANSWER_KEYS),
        content=tuple(
            Text(string(generation["text"]), extra=unknown_members(generation, _GENERATION_KEYS))
            for generation in generations
        ),
        stop_reason=None if reasons[0] is None else STOP_REASONS.decode(reasons[0]),
        native_stop_reason=reasons[0],
        stop_details=reasons if len(set(reasons)) > 1 else None,
        request_echo=body.get("prompt"),
    )


# A COMPLETE and a MAX_TOKENS may stand in one answer of several generations, so the neutral stop
# reason is the first's and the list of all is kept.
def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    refuse_all_but_text(COMMAND.name, completion)
    reason = completion.stop_reason
    stop = None if reason is None else STOP_REASONS.encode(reason, completion.native_stop_reason)
    texts = _generations_of(completion)
    stops = (
        completion.stop_details if _has_reasons_of_each(completion, texts) else [stop] * len(texts)
    )
    generations = [
        {"text": text.text, **without_none({"finish_reason": stop}), **text.extra}
        for text, stop in zip(texts, stops, strict=True)
    ]
    return {
        **without_none({"id": completion.id, "prompt": completion.request_echo}),
        "generations": generations,
        **completion.extra,
    }


def _generations_of(completion: Completion) -> Sequence[Text]:
    """The texts that are generations of their own, which have an id each; otherwise all of them as
    one."""
    texts = [block for block in completion.content if isinstance(block, Text)]
    if texts and all("id" in text.extra for text in texts):
        return texts
    return [
        Text(
            completion.text,
            extra={key: value for text in texts for key, value in text.extra.items()},
        )
    ]


def _has_reasons_of_each(completion: Completion, texts: Sequence[Text]) -> bool:
    details = completion.stop_details
    return isinstance(details, list) and len(details) == len(texts)


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def _read_chunk(chunk: Json) -> Piece:
    """A chunk, `{"is_finished": false, "text": "…", "index"?}`; `index` appears with several
    generations only (recorded)."""
    index, is_finished = chunk.get("index"), chunk.get("is_finished")
    if is_finished is None:
        raise KeyError("is_finished")
    return Piece(
        chunk.get("text"),
        chunk.get("finish_reason") if is_finished else None,
        index=integer(index or 0),
        extra=unknown_members(chunk, _CHUNK_KEYS),
        text_extra=without_none({"index": index}),
    )


def _write_chunk(piece: Piece) -> Json:
    known = without_none({"text": piece.text, "finish_reason": piece.stop})
    return {"is_finished": piece.stop is not None, **known, **piece.text_extra, **piece.extra}


def _read_bare(chunk: Json) -> Batch | None:
    return (
        bare(chunk.get("text")) if len(chunk) == 2 and chunk.get("is_finished") is False else None
    )


class _Decoder:
    """Pieces, or the whole answer in one chunk; and generations are announced where there are
    several."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._pieces = ChunkDecoder(_FORM, STOP_REASONS)
        self._announced: set[int] = set()

    def feed(self, chunk: Json) -> Batch:
        """A chunk of text, or the whole answer in a single chunk: Command streams pieces only if
        the body of the request holds `"stream": true` (recorded)."""
        batch = _read_bare(chunk)
        if batch is not None:
            return batch
        if chunk.get("generations") is not None:
            return batch_of(_decode_response(chunk, self._facts))
        batch = self._pieces.feed(chunk)
        index = chunk.get("index")
        if index is None:
            return batch
        # One of several has come to its end. That all have, the metrics in the last chunk say.
        batch = tuple(event for event in batch if not isinstance(event, Ended))
        if index in self._announced:
            return batch
        self._announced.add(index)
        return (BlockStart(index, Text("")), *batch)


class _Encoder:
    """A batch that is a whole answer becomes the one chunk of it, every other a piece."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._pieces = ChunkEncoder(_FORM, COMMAND.name, STOP_REASONS)

    def encode(self, batch: Batch) -> Sequence[Json]:
        kinds = {type(event) for event in batch}
        if {Started, Ended} <= kinds:
            return [_encode_response(assemble(batch), self._facts)]
        return self._pieces.encode(batch)


def _stream_decoder(facts: ModelFacts) -> _Decoder:
    return _Decoder(facts)


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> _Encoder:
    return _Encoder(facts)


# ── the record ────────────────────────────────────────────────────────────────────────────────────

STOP_REASONS = NativeNames(
    {
        "COMPLETE": StopReason.END_TURN,
        "MAX_TOKENS": StopReason.MAX_TOKENS,
        "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
        "ERROR_TOXIC": StopReason.CONTENT_FILTERED,
        "ERROR_LIMIT": StopReason.CONTEXT_EXCEEDED,
    }
)
"""`ERROR` and `USER_CANCEL` are documented as well, and mean nothing that the neutral model has a
word for."""

_FORM = Form(
    template=NO_TEMPLATE,
    prompt_key="prompt",
    parameters=_PARAMETERS,
    stop_key="stop_sequences",
    options=_OPTIONS,
    read_chunk=_read_chunk,
    write_chunk=_write_chunk,
    ends_without_text=True,
)

COMMAND = completions_codec(
    _FORM,
    family="cohere",
    variant="command",
    models=("cohere.command-text", "cohere.command-light"),
    features=frozenset(
        {
            Feature.RAW_PROMPT,
            Feature.TEMPERATURE,
            Feature.TOP_P,
            Feature.TOP_K,
            Feature.STOP_SEQUENCES,
        }
    ),
    joins=frozenset({Feature.MANY_BLOCKS}),
    stop_reasons=STOP_REASONS,
    documented=_OPTIONS
    | _GENERATION_KEYS
    | {"prompt", "generations", "is_finished", "stop_sequences", *_PARAMETERS},
    is_single_turn=True,
    stream_members={"stream": True},
    evidence="recorded traffic; streams in pieces: AWS user guide, November 2026",
    decode_response=_decode_response,
    encode_response=_encode_response,
    stream_decoder=_stream_decoder,
    stream_encoder=_stream_encoder,
)
