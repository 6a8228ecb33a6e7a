"""Text-completion families: one prompt string in, one text out. Titan, Llama, Mistral's prompt
form, J2, Claude's text completion and DeepSeek R1 are such families.

Theory of operation. Such a family differs from the next in three things only, and a `Form` is the
table of them: its prompt template, the names of its parameters, and the members of its answer.
`completions_codec` makes the functions of a codec from it.

    Titan     {"inputText": prompt, "textGenerationConfig": {"maxTokenCount": 512, …}}
              {"inputTextTokenCount": 7, "results": [{"tokenCount": 98, "outputText": "…", …}]}
    Llama     {"prompt": prompt, "max_gen_len": 512, "temperature": 0.5, "top_p": 0.9}
              {"generation": "…", "prompt_token_count": 10, "generation_token_count": 60, …}
    Mistral   {"prompt": prompt, "max_tokens": 512, "stop": ["…"]}
              {"outputs": [{"text": "…", "stop_reason": "stop"}]}

An answer and a chunk of a stream have the same members in all of these, so both are a `Piece`: some
text with counts and perhaps a stop reason. A `Form` has one function to read a piece and one to
write it, and the chunk codecs below are shared.

Where things are kept: documented parameters without a neutral name in `request.options`; members
that are not documented in `extra` of the level they stood at (the body, the parameters' object, the
answer's text). A prompt that the template does not parse is one user message, `is_raw_prompt`.

A chunk that has nothing but text takes a short path (`read_bare`): codecs run for every chunk, and
this halves the cost.

Source: AWS user guide, "Inference request parameters and response fields for foundation models",
and recorded traffic, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, NativeNames, StreamContext
from axonflow_core.codec.json_members import (
    apart,
    array,
    counted,
    first_in,
    named_others,
    split_prefixed,
    string,
    unknown_members,
    with_facts,
)
from axonflow_core.errors import DecodeError, EncodeError, RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import type_of_base64
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    merge_usage,
)

from .templates import Template, prompt_of, turns_in

NO_USAGE = Usage()

TEMPLATE_FEATURES = frozenset(
    {Feature.PREFILL, Feature.RAW_PROMPT, Feature.TEMPERATURE, Feature.TOP_P},
)
"""What every text-completion family can say."""


@define
class Piece:
    """A part of an answer, or all of it. Not frozen, for one is made for every chunk and that would
    double its cost."""

    text: str | None = field(repr=False)
    stop: str | None = None
    usage: Usage = NO_USAGE
    index: int = 0
    id: str | None = None
    model: str | None = None
    created: int | None = None
    stop_sequence: str | None = field(default=None, repr=False)
    """The stop sequence that was hit, where the family says so."""
    request_echo: Json = field(default=None, repr=False)
    extra: Mapping[str, Json] = field(default=EMPTY, repr=False)
    text_extra: Mapping[str, Json] = field(default=EMPTY, repr=False)
    """What stands next to the text, where the text has a level of its own."""


@frozen(kw_only=True)
class Form:
    """What makes one text-completion family different from the others."""

    template: Template
    prompt_key: str
    parameters: Mapping[str, str]
    """Native name -> the attribute of `Inference`."""
    stop_key: str | None = None
    parameters_key: str | None = None
    """The member that holds the parameters; None: they stand next to the prompt."""
    images_key: str | None = None
    image_token: str = ""
    options: frozenset[str] = frozenset()
    """The documented parameters that have no neutral name."""
    answers_key: str | None = None
    """The member of an answer or chunk that lists answers. Where there are several, the first is
    read; the others are kept and reported."""
    read_answer: Callable[[Json], Piece] | None = None
    """None, as `write_answer`: the codec reads and writes whole answers itself."""
    write_answer: Callable[[Piece], Json] | None = None
    read_chunk: Callable[[Json], Piece] | None = None
    """None, as `write_chunk`: the family does not stream."""
    write_chunk: Callable[[Piece], Json] | None = None
    read_bare: Callable[[Json], Batch | None] = lambda chunk: None
    """The batch of a chunk that, once the stream has begun, has nothing new but its text, as most
    have none; None: read the whole, which takes twice as long."""
    ends_without_text: bool = False
    """The last chunk has a reason to stop and no text, not an empty one."""
    last_chunk: str | None = None
    """A chunk of its own after all others, and only with it a stream is whole."""

    own_keys: frozenset[str] = field(init=False)
    parameter_keys: frozenset[str] = field(init=False)
    body_keys: frozenset[str] = field(init=False)
    """Every key of a body that has its parameters next to the prompt."""

    @own_keys.default
    def _own_keys(self) -> frozenset[str]:
        return frozenset(
            key for key in (self.prompt_key, self.parameters_key, self.images_key) if key
        )

    @parameter_keys.default
    def _parameter_keys(self) -> frozenset[str]:
        return frozenset({*self.parameters, *((self.stop_key,) if self.stop_key else ())})

    @body_keys.default
    def _body_keys(self) -> frozenset[str]:
        return self.own_keys | self.parameter_keys | self.options


def completions_codec(
    form: Form, *, stop_reasons: NativeNames[StopReason], **record: Any
) -> FamilyCodec:
    """The codec of a text-completion family: its `Form` as functions, with the rest of the record
    as given.

    A function that stands in `record` replaces the form's own.
    """
    name = "/".join(filter(None, (record["family"], record.get("variant"))))
    own = _Functions(form, name, stop_reasons)
    defaults: dict[str, Any] = {
        "stop_reasons": stop_reasons,
        "control_tokens": form.template.tokens,
        "options": form.options,
        "encode_request": own.encode_request,
        "decode_request": own.decode_request,
        "decode_response": own.decode_response,
        "encode_response": own.encode_response,
    }
    if form.read_chunk is not None:
        defaults |= {"stream_decoder": own.stream_decoder, "stream_encoder": own.stream_encoder}
    return FamilyCodec(**{**defaults, **record})


@frozen
class _Functions:
    """The functions of a codec that its form makes. `facts` are unused: a model that differs from
    the others of its family has a form of its own."""

    form: Form
    name: str
    """Of the codec, for errors."""
    stop_reasons: NativeNames[StopReason]

    def encode_request(self, request: CompletionRequest, facts: ModelFacts) -> Json:
        return write_request(self.form, self.name, request)

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        return _read_request(self.form, body)

    def decode_response(self, body: Json, facts: ModelFacts) -> Completion:
        assert self.form.read_answer is not None  # noqa: S101 - or the family has its own
        body, others = _first_alone(body, self.form.answers_key)
        piece = self.form.read_answer(body)
        if piece.text is None:
            raise DecodeError(
                f"the answer of the {self.name} family has no text",
                hint="its provider may have changed the format; the answer may have been billed",
            )
        return with_facts(
            Completion,
            _facts_in(piece),
            _FACTS,
            {**piece.extra, **others} if others else piece.extra,
            adjustments=named_others(others),
            content=(Text(string(piece.text), extra=piece.text_extra),),
            stop_reason=None if piece.stop is None else self.stop_reasons.decode(piece.stop),
            usage=piece.usage,
            stop_sequence=piece.stop_sequence,
            native_stop_reason=piece.stop,
            request_echo=piece.request_echo,
        )

    def encode_response(self, completion: Completion, facts: ModelFacts) -> Json:
        assert self.form.write_answer is not None  # noqa: S101 - or the family has its own
        refuse_all_but_text(self.name, completion)
        reason, native = completion.stop_reason, completion.native_stop_reason
        texts = [block for block in completion.content if isinstance(block, Text)]
        key = self.form.answers_key or ""
        extra, others = split_prefixed(completion.extra, key)
        piece = Piece(
            completion.text,
            None if reason is None else self.stop_reasons.encode(reason, native),
            completion.usage,
            id=completion.id,
            model=completion.model,
            created=completion.created,
            stop_sequence=completion.stop_sequence,
            request_echo=completion.request_echo,
            extra=extra,
            text_extra={key: value for text in texts for key, value in text.extra.items()},
        )
        native = self.form.write_answer(piece)
        return {**native, key: [*native[key], *others.values()]} if others else native

    def stream_decoder(self, facts: ModelFacts) -> ChunkDecoder:
        return ChunkDecoder(self.form, self.stop_reasons)

    def stream_encoder(self, context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
        return ChunkEncoder(self.form, self.name, self.stop_reasons)


def _first_alone(
    body: Mapping[str, Json], key: str | None
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """A body with the first of its answers alone, and the others as `extra` names them."""
    if key is None or not isinstance(body.get(key), list) or len(body[key]) < 2:
        return body, EMPTY
    first, others = first_in(body, key)
    return {**body, key: [first]}, others


_OTHERS = "others"
"""The level of an `Extra` for further answers in one chunk."""


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def _read_request(form: Form, body: Mapping[str, Json]) -> CompletionRequest:
    """The request in a native body: parameters from the body or from the object that holds them."""
    images = _read_images(body.get(form.images_key) or []) if form.images_key else ()
    if form.parameters_key:
        native = body.get(form.parameters_key) or EMPTY
        inference = _read_inference(form, native, unknown_members(native, form.parameter_keys))
        options, extra = EMPTY, unknown_members(body, form.own_keys)
    else:
        inference = _read_inference(form, body, EMPTY)
        options = {key: body[key] for key in form.options if key in body} if form.options else EMPTY
        extra = unknown_members(body, form.body_keys)
    prompt = string(body[form.prompt_key])
    parsed = turns_in(prompt, form.template, images, form.image_token)
    if parsed is None:
        raw = Message(Role.USER, (Text(prompt), *images))
        return CompletionRequest(
            (raw,), (), inference, is_raw_prompt=True, options=options, extra=extra
        )
    system, messages = parsed
    return CompletionRequest(messages, system, inference, options=options, extra=extra)


def write_request(form: Form, family: str, request: CompletionRequest) -> Json:
    """The native body; `EncodeError` in the name of `family`."""
    images = _images_in(request) if form.image_token else []
    spoken = _with_image_tokens(request, form.image_token) if images else request
    body: dict[str, Json] = {form.prompt_key: prompt_of(spoken, form.template, family)}
    if form.parameters_key is None:
        _write_inference(form, request.inference, body)
    else:
        parameters: dict[str, Json] = {}
        _write_inference(form, request.inference, parameters)
        if parameters:
            body[form.parameters_key] = parameters
    if form.images_key and images:
        body[form.images_key] = images
    # Last, so that an option or an unknown member keeps the value it had in a body that was read.
    return {**body, **request.options, **request.extra}


def _images_in(request: CompletionRequest) -> list[str]:
    """The base64 data of all images in order, which is how `images` lists them."""
    return [
        block.source.data
        for message in request.messages
        for block in message.content
        if type(block) is Image
    ]


def _read_inference(form: Form, native: Mapping[str, Json], extra: Mapping[str, Json]) -> Inference:
    """The neutral parameters in `native`. Absent and null are different: an absent one is not set
    at all."""
    known: dict[str, Any] = {
        name: native[key] for key, name in form.parameters.items() if key in native
    }
    if form.stop_key and form.stop_key in native:
        known["stop_sequences"] = tuple(array(native[form.stop_key] or []))
    return Inference(**known, extra=extra)


def _write_inference(form: Form, inference: Inference, native: dict[str, Json]) -> None:
    """The parameters, written into `native`."""
    for key, name in form.parameters.items():
        value = getattr(inference, name)
        if value is not None:
            native[key] = value
    if form.stop_key and inference.stop_sequences:
        native[form.stop_key] = list(inference.stop_sequences)
    native.update(inference.extra)


# ── images: the picture in a list, a token for it at the head of its turn ─────────────────────────


def _read_images(natives: list[str]) -> tuple[Image, ...]:
    return tuple(
        Image(Media(MediaKind.BASE64, string(data), type_of_base64(data))) for data in natives
    )


def _with_image_tokens(request: CompletionRequest, token: str) -> CompletionRequest:
    """Every picture as its token, before the text of its message."""
    if not token or request.is_raw_prompt:
        return request
    messages = []
    for message in request.messages:
        count = sum(isinstance(block, Image) for block in message.content)
        messages.append(
            evolve(message, content=(Text(token * count + message.text),)) if count else message
        )
    return evolve(request, messages=tuple(messages))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def refuse_all_but_text(name: str, completion: Completion) -> None:
    """`EncodeError`, in the name of the codec, where an answer holds more than text."""
    for block in completion.content:
        if not isinstance(block, Text):
            _refuse(name, block)


def _refuse(name: str, part: object) -> None:
    is_call = isinstance(part, ToolUse | ToolInputDelta)
    what = "a tool call" if is_call else "reasoning"
    raise EncodeError(
        f"an answer of the {name} family is text alone; {what} has no place in it",
        feature="tools" if is_call else "reasoning",
    )


class ChunkDecoder:
    """Decodes one chunk into one batch.

    `_is_underway` is set after the first chunk: only then may a chunk take the short path, because
    the first may carry the id and the model.
    """

    def __init__(self, form: Form, stop_reasons: NativeNames[StopReason]) -> None:
        assert form.read_chunk is not None  # noqa: S101 - otherwise the codec has no streams
        self._read = form.read_chunk
        self._read_bare = form.read_bare
        self._last_chunk = form.last_chunk
        self._ends_without_text = form.ends_without_text
        self._stop_reasons = stop_reasons
        self._answers_key = form.answers_key
        self._is_underway = False

    def feed(self, chunk: Json) -> Batch:
        if self._last_chunk is not None and chunk == self._last_chunk:
            return (Ended(),)
        key = self._answers_key
        chunk, others = _first_alone(chunk, key)
        if key is not None and others:
            carried = Extra({key: [*others.values()]}, _OTHERS, next(iter(others)))
            return (carried, *self._feed(chunk))
        return self._feed(chunk)

    def _feed(self, chunk: Json) -> Batch:
        bare = self._read_bare(chunk) if self._is_underway else None
        if bare is not None:
            return bare
        piece = self._read(chunk)
        if piece.text is None and not self._ends_without_text and _says_nothing(piece):
            raise KeyError("text")
        events: list[StreamEvent] = []
        # Only the first chunk starts an answer, though some services repeat its id in each.
        if not self._is_underway and (piece.id, piece.model, piece.created) != (None, None, None):
            events += _started(piece)
        self._is_underway = True
        if piece.text is not None:
            events.append(TextDelta(string(piece.text), piece.index))
        if piece.usage is not NO_USAGE:
            events.append(UsageUpdate(piece.usage))
        if piece.extra:
            events.append(Extra(piece.extra))
        if piece.text_extra:
            events.append(Extra(piece.text_extra, "text"))
        if piece.stop is not None:
            reason = self._stop_reasons.decode(piece.stop)
            events.append(Stopped(reason, piece.stop, piece.stop_sequence))
            if self._last_chunk is None:
                events.append(Ended())
        return tuple(events)


_FACTS = {name: name for name in ("id", "model", "created")}


def _facts_in(piece: Piece) -> dict[str, Any]:
    """What a piece says of the answer as a whole."""
    return {name: getattr(piece, name) for name in _FACTS}


def _started(piece: Piece) -> list[StreamEvent]:
    """The start of an answer. Facts of another kind than documented are kept as they are."""
    facts = _facts_in(piece)
    try:
        return [Started(**facts)]
    except RequestError:
        fit, misfit = apart(Started, facts)
        return [Started(**fit), Extra(misfit)]


def _says_nothing(piece: Piece) -> bool:
    """Whether a chunk without a text has neither a reason to stop nor counts: it is of another
    form."""
    return piece.stop is None and piece.usage is NO_USAGE


class ChunkEncoder:
    """Encodes one batch as one chunk; a batch of which this family has no member is none. Counts of
    such a batch wait in `_pending` for the next chunk."""

    def __init__(self, form: Form, name: str, stop_reasons: NativeNames[StopReason]) -> None:
        assert form.write_chunk is not None  # noqa: S101 - otherwise the codec has no streams
        self._write = form.write_chunk
        self._ends_without_text = form.ends_without_text
        self._last_chunk = form.last_chunk
        self._name = name
        self._stop_reasons = stop_reasons
        self._started = Started()
        self._pending = NO_USAGE

    def encode(self, batch: Batch) -> list[Json]:
        piece, texts = Piece(None, usage=self._pending), []
        others: Mapping[str, Json] = EMPTY
        last: list[Json] = []
        for event in batch:
            match event:
                case TextDelta(text, index):
                    texts.append(text)
                    piece.index = index
                case Started():
                    self._started = event
                case UsageUpdate(counts):
                    piece.usage = merge_usage(piece.usage, counts)
                case Stopped(reason, native, stop_sequence):
                    piece.stop = self._stop_reasons.encode(reason, native)
                    piece.stop_sequence = stop_sequence
                case Ended() if self._last_chunk is not None:
                    last = [self._last_chunk]
                case Extra(members, "answer"):
                    piece.extra = {**piece.extra, **members}
                case Extra(members, "text"):
                    piece.text_extra = members
                case Extra(members, level) if level == _OTHERS:
                    others = members
                case BlockStart(_, (ToolUse() | Reasoning()) as part) | (
                    (ReasoningDelta() | ToolInputDelta()) as part
                ):
                    _refuse(self._name, part)
        if texts:
            piece.text = "".join(texts)
        chunks = [*self._written(piece), *last]
        for key, answers in others.items():
            chunks[0][key] = [*chunks[0][key], *answers]
        return chunks

    def _written(self, piece: Piece) -> tuple[Json, ...]:
        """The chunk of a piece; none where it has counts alone or nothing."""
        if piece.text is None:
            if piece.stop is None and not piece.extra and not piece.text_extra:
                self._pending = piece.usage
                return ()
            if not self._ends_without_text:
                piece.text = ""
        self._pending = NO_USAGE
        started = self._started
        piece.id, piece.model, piece.created = started.id, started.model, started.created
        return (self._write(piece),)


def bare(text: Json) -> Batch | None:
    """The batch of a chunk of which only the text is news."""
    return (TextDelta(text),) if type(text) is str else None


def counts_in(
    native: Mapping[str, Json], input_key: str, output_key: str
) -> tuple[Usage, frozenset[str]]:
    """The counts under two keys, whole numbers or null, and the keys of those that are no count."""
    read, written = native.get(input_key), native.get(output_key)
    if read is None and written is None:
        return NO_USAGE, _NONE
    try:
        return Usage(read, written), _NONE
    except RequestError:
        names = {input_key: "input_tokens", output_key: "output_tokens"}
        usage = counted(native, names, frozenset(native))
        return evolve(usage, extra=EMPTY), frozenset(usage.extra)


_NONE = frozenset[str]()
