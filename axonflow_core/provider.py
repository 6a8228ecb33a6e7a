"""A provider: something that answers a `CompletionRequest`.

Whatever else it can do has a protocol of its own: `SupportsEmbedding`, `SupportsReranking`,
`SupportsTokenCounting`, `SupportsForwarding`, `SupportsEncoding`, `SupportsExplanation`,
`SupportsCheck`, `SupportsPricing`. A provider that lacks the method lacks the ability; there is
nothing to declare. What routing asks is optional too, and answered without I/O: `SupportsModels`,
`SupportsLimits`, `SupportsResidency`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self, runtime_checkable

from attrs import Factory, field

from axonflow_core.errors import AxonFlowError, RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import (
    EMPTY,
    Adjustment,
    Completion,
    CompletionRequest,
    Json,
    Parsed,
    Receipt,
    Text,
    TokenCount,
    Usage,
    hidden,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.statements import refuses
from axonflow_core.stream import Batch, BlockStart, TextDelta, assemble


@frozen
class Health:
    """Whether a provider could answer now, as far as it can tell without a billed call."""

    is_ready: bool
    detail: str = ""


@refuses(
    "with", "for", write="async with runtime.stream(…) as stream: async for text in stream.text()"
)
class CompletionStream(ABC, Generic[Parsed]):
    """An open streamed answer: its text, its events, and what it all comes to.

        async with runtime.stream("Why is the sky blue?") as stream:
            async for text in stream.text():
                print(text, end="")
            print((await stream.completion()).usage)

    Iterating gives batches, tuples of events (`stream.StreamEvent`): what one chunk of the provider
    says. The texts alone are those of `text`.
    A provider implements `read` and `aclose`; the rest follows from them. To leave the `async with`
    block early cancels the call upstream; what reads on then gets a `TruncatedStream`. One task
    reads a stream: while it waits, a second reader gets a `RequestError`. A stream is read once:
    to iterate over it after its end is a `RequestError`, and `completion` has the answer.
    """

    receipt: Receipt | None = None
    """How the call was made; its latency is known once the answer was read to its end."""
    adjustments: tuple[Adjustment, ...] = ()
    """What of the request was not sent as it was asked."""
    native: bytes | None = None
    """The provider's own bytes of the last `read`, in whole frames, where the stream was forwarded
    in the client's form; else None."""
    broke: Callable[[AxonFlowError], None] | None = None
    """Told once where the stream ends with an error after its first event: for whoever watches the
    provider."""
    parse: Callable[[Completion], Any] | None = None
    """Makes `Completion.parsed` where an output schema was given."""
    _ready: Iterator[Batch] = iter(())
    _kept: list[Batch] | None = None
    _is_at_end = False

    @property
    def request_id(self) -> str | None:
        """The provider's own id of the call."""
        return None if self.receipt is None else self.receipt.request_id

    @abstractmethod
    async def read(self) -> tuple[Batch, ...]:
        """Every batch that one network read produced, in order; `()` at the end and ever after.

        Waits until there is at least one batch. What precedes an error in the same network read is
        returned first; the next call raises the error: `TruncatedStream` when the provider stops
        early. What is taken with `read` is not part of `completion`.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Cancels the upstream call at once, without reading it to its end. May be called twice."""

    def text(self) -> AsyncIterator[str]:
        """The pieces of the answer's text, as they arrive: `async for text in stream.text()`."""
        return TextPieces(self._texts())

    async def _texts(self) -> AsyncGenerator[str, None]:
        async for batch in self:
            for text in texts_of_batch(batch):
                yield text

    async def completion(self) -> Completion[Parsed]:
        """The whole answer, with its receipt: reads what is left of the stream.

        Errors as `read`: `TruncatedStream` when the answer is incomplete.
        """
        while await anext(self, None) is not None:
            pass
        return self.assembled()

    def keep(self, batches: tuple[Batch, ...]) -> None:
        """Remember what was read, for `assembled`."""
        if self._kept is None:
            self._kept = []
        self._kept += batches

    def kept_texts(self) -> Iterator[str]:
        """The pieces of text among what was read so far."""
        for batch in self._kept or ():
            yield from texts_of_batch(batch)

    def assembled(self) -> Completion[Parsed]:
        """What was read so far, as a whole answer. `TruncatedStream` where it is none."""
        answer = assemble(event for batch in self._kept or () for event in batch)
        adjustments = (*answer.adjustments, *self.adjustments)
        completion = evolve(answer, adjustments=adjustments, receipt=self.receipt)
        if self.parse is None:
            return completion
        return evolve(completion, parsed=self.parse(completion))

    def __aiter__(self) -> Self:
        if self._is_at_end:
            raise read_before("await stream.completion()")
        return self

    async def __anext__(self) -> Batch:
        for batch in self._ready:
            return batch
        batches = await self.read()
        if not batches:
            self._is_at_end = True
            raise StopAsyncIteration
        self.keep(batches)
        self._ready = iter(batches)
        return next(self._ready)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


@refuses("for", "await", write="async for text in stream.text()")
class TextPieces(AsyncIterator[str]):
    """The texts of a stream. A loop runs over the generator itself, so a piece costs no call."""

    def __init__(self, pieces: AsyncGenerator[str, None]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """As a generator's: for `contextlib.aclosing`."""
        await self._pieces.aclose()


def read_before(write: str) -> RequestError:
    """The error of a second iteration; `write` is what has the whole answer."""
    return RequestError(
        "this stream was read to its end: it gives its events once",
        hint=f"`{write}` has the whole answer, as often as it is called",
    )


def texts_of_batch(batch: Batch) -> Iterator[str]:
    """The text of the answer in one batch: deltas, and what a block begins with."""
    for event in batch:
        if type(event) is TextDelta:
            yield event.text
        elif type(event) is BlockStart and isinstance(event.block, Text) and event.block.text:
            yield event.block.text


class Provider(Protocol):
    """One configured provider. `model` is an id as the provider spells it; None is the configured
    one. `timeout_s` bounds the whole call; None leaves it to the configuration."""

    @property
    def default_model(self) -> str:
        """The configured model."""
        ...

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        """The whole answer, with its receipt. Any `AxonFlowError`."""
        ...

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        """Returns once the first event of the answer is there; an error before it is raised
        here."""
        ...

    async def health(self) -> Health:
        """Costs nothing: no model is called."""
        ...

    async def aclose(self) -> None:
        """Gives up what the provider itself holds. May be called twice."""
        ...


@frozen(kw_only=True)
class NativeCall:
    """A call as a client of ours sent it: in the native JSON of some family, or of a dialect."""

    codec: Any
    """Whose JSON it is: the `Codec`, `EmbeddingCodec` or `RerankCodec` that read the request and
    will write the answer."""
    surface: str
    """The operation it came in on: `invoke`, `converse`, `chat`."""
    request: Any
    """What the body says: a `CompletionRequest`, `EmbeddingRequest` or `RerankRequest`."""
    model: str = ""
    """The model that the client named, which another may answer for."""
    body: bytes | None = hidden(default=None)
    """The body as it came, byte for byte. It is sent only while `request` is what it says."""
    headers: Mapping[str, str] = field(default=EMPTY, repr=False)
    """Headers of the client's call that go with its body: names in lower case."""
    is_counted: bool = False
    """Whether the tokens of the request are to be counted, and nothing answers it."""
    read_request: Any = hidden(default=Factory(lambda call: call.request, takes_self=True))
    """The request as it was read from the body: the one that `evolve` leaves where it changes
    `request`. Where the two differ, the body is not sent."""


@frozen
class ForwardedAnswer:
    """A whole answer, read and as it came."""

    answer: Any
    """The `Completion`, `Embeddings` or `Ranking`."""
    body: bytes | None = hidden(default=None)
    """The provider's bytes; None where its form is not the client's."""
    headers: Mapping[str, str] = field(default=EMPTY, repr=False)
    """The provider's headers, names in lower case."""


@runtime_checkable
class SupportsForwarding(Protocol):
    """A provider that sends a client's own body where its form is the model's."""

    async def forward(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> ForwardedAnswer:
        """The whole answer to `call`."""
        ...

    async def forward_stream(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> CompletionStream:
        """The streamed answer to `call`."""
        ...


@frozen(kw_only=True)
class EncodedCall:
    """The body of a call. Nothing was sent for it."""

    family: str
    """The name of the codec that wrote it."""
    surface: str
    """The operation that would carry it."""
    body: bytes = hidden()


@runtime_checkable
class SupportsEncoding(Protocol):
    """A provider that can say which bytes a call would send, without a network."""

    def encode(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """The body of the first attempt at the call. `RequestError` where the model cannot take
        it."""
        ...

    def encode_native(
        self, call: NativeCall, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """The same of a client's own call of a chat model."""
        ...


@frozen(kw_only=True)
class Explanation:
    """What a call would be. Nothing was sent for it."""

    facts: Mapping[str, str]
    """What was decided, and by whom; in the order to be read."""
    rules: tuple[str, ...] = ()
    """What is known of the model and decided on this request, each with its source."""
    warnings: tuple[str, ...] = ()
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """As they would be sent, with what proves who we are masked."""
    body: Json = field(repr=False)
    permissions: tuple[Json, ...] = ()
    """The statements of a policy that allows this call and no other."""


@runtime_checkable
class SupportsExplanation(Protocol):
    """A provider that can say what a call would be."""

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation:
        """What the call of `request` would be. Errors as `complete` before anything is sent."""
        ...


@frozen(kw_only=True)
class Fact:
    """What a provider has settled before its first call."""

    value: str
    key: str | None = None
    """The key of `config:` that decides it; None where something else does, which `value` says."""


@frozen(kw_only=True)
class Finding:
    """What a call would meet, of the provider's settings."""

    message: str
    hint: str | None = None
    """How to correct it."""
    key: str | None = None
    """The key of `config:` that it is about: `region`, `guardrail.id`, `families.0` for an item;
    None where it is in no file, as in the environment."""
    code: str = "config"
    """The code of the error that the call would raise."""
    is_fault: bool = True
    """Whether a call is refused for it before anything is sent. Otherwise it is what the service
    refuses, as far as is known, or what is probably not intended."""

    @property
    def root_key(self) -> str | None:
        """The key of `config:` that `key` begins with."""
        return None if self.key is None else self.key.partition(".")[0]


def warning(message: str, hint: str | None = None, *, key: str | None = None) -> Finding:
    """A finding that no call is refused for here."""
    return Finding(message=message, hint=hint, key=key, is_fault=False)


@frozen(kw_only=True)
class Checkup:
    """What a provider has settled, and what is wrong with it."""

    facts: Mapping[str, Fact]
    """Label -> fact, in the order to be read: region, model, credentials. No secret is in it."""
    findings: tuple[Finding, ...] = ()


@runtime_checkable
class SupportsCheck(Protocol):
    """A provider that can say whether its first call would be made."""

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """What the first call would find, by the way that it takes; nothing is sent to a model.
        Where not `with_credentials`, none are looked for. Raises nothing for what is wrong."""
        ...


@runtime_checkable
class SupportsModelCheck(Protocol):
    """A provider that can say offline what is doubtful of any model."""

    def model_findings(self, model: str) -> Iterable[Finding]:
        """What the first call of `model` would find, as far as that is known here. No I/O."""
        ...


@frozen(kw_only=True)
class Price:
    """What tokens of a model cost: USD per 1,000,000; None is unknown."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    long_prompts: LongPrompts | None = None
    """What calls with a longer prompt cost; None: as all others."""

    def cost_usd(self, usage: Usage) -> float | None:
        """What `usage` costs. None where a count or the price of one is unknown: that is not 0."""
        into, out = usage.input_tokens, usage.output_tokens
        if into is None or out is None:
            return None
        if self.long_prompts is not None and prompt_tokens(usage) > self.long_prompts.above_tokens:
            return self.long_prompts.price.cost_usd(usage)
        long = usage.cache_write_1h_tokens or 0
        cost = 0.0
        for count, price in (
            (into, self.input),
            (out, self.output),
            (usage.cache_read_tokens, self.cache_read),
            ((usage.cache_write_tokens or 0) - long, self.cache_write_5m),
            (long, self.cache_write_1h),
        ):
            if count:
                if price is None:
                    return None
                cost += count * price
        return cost / 1_000_000


@frozen(kw_only=True)
class LongPrompts:
    """Another price for all tokens of a call whose prompt is longer."""

    above_tokens: int
    """Of the prompt, whatever of it was read from the cache or written to it."""
    price: Price


def prompt_tokens(usage: Usage) -> int:
    """How many tokens the prompt had, as far as is known."""
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    return (usage.input_tokens or 0) + cached


@runtime_checkable
class SupportsPricing(Protocol):
    """A provider that knows what its calls cost."""

    def price(self, receipt: Receipt) -> Price | None:
        """The price of a call that was made; None where it is not known. No I/O."""
        ...


@runtime_checkable
class SupportsModels(Protocol):
    """A provider that can say offline which models it serves."""

    def serves(self, model: str) -> bool | None:
        """Whether calls may name that model id here; None where only a call tells. No I/O."""
        ...


@runtime_checkable
class SupportsLimits(Protocol):
    """A provider that knows the limits of its models."""

    def context_tokens(self, model: str) -> int | None:
        """The limit of the prompt, in tokens; None where it is not known. No I/O."""
        ...


EVERYWHERE = frozenset(("*",))
"""The regions of a model that may be processed anywhere."""


@runtime_checkable
class SupportsResidency(Protocol):
    """A provider that can say where a call is processed."""

    def regions(self, model: str) -> frozenset[str] | None:
        """Every region that a call of `model` may be processed in: all those that an inference
        profile sends calls to, for one. A `*` at the end of a name stands for any ending,
        `EVERYWHERE` for a model without bounds; empty where the call leaves this process for
        none. None where it is not known: under residency no call goes there. No I/O."""
        ...


@runtime_checkable
class SupportsFailoverRegions(Protocol):
    """A provider that can be called in several regions."""

    def elsewhere(self, model: str) -> Mapping[str, Provider]:
        """Region -> the provider there, for each region besides its own that calls of `model` may
        go to, in the order to try them. The same objects each time. No I/O."""
        ...


@runtime_checkable
class SupportsEmbedding(Protocol):
    """A provider that makes vectors."""

    async def embed(
        self,
        request: EmbeddingRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Embeddings:
        """One answer for all inputs, however many calls they take."""
        ...


@runtime_checkable
class SupportsReranking(Protocol):
    """A provider that puts documents in order."""

    async def rerank(
        self,
        request: RerankRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Ranking:
        """The documents in order of relevance, the best first."""
        ...


@runtime_checkable
class SupportsTokenCounting(Protocol):
    """A provider that counts the tokens of a request without answering it."""

    async def count(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> TokenCount:
        """`Uncountable` where it counts for other models and not for this one."""
        ...
