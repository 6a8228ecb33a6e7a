"""A client's call at a provider that cannot forward bodies (`SupportsForwarding`).

Such a provider takes the request as a value and fits it to its model itself. What it cannot know is
the client's dialect, so the other half of `fitting` happens here: keys that address the call are
left out of the request, what the answer will have no place for is reported before the call, and the
answer is made to fit. An answer that is in the client's form already, by its receipt, stays as it
is.
"""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from sys import byteorder
from typing import Any

from axonflow_core.codec import Codec
from axonflow_core.errors import AxonFlowError, RequestError
from axonflow_core.fitting import Fitted, FittedStream, fit_for_client
from axonflow_core.frozen import evolve
from axonflow_core.messages import Adjustment, Receipt
from axonflow_core.provider import (
    CompletionStream,
    ForwardedAnswer,
    NativeCall,
    Provider,
    SupportsEmbedding,
    SupportsReranking,
    SupportsTokenCounting,
)
from axonflow_core.retrieval import EmbeddingRequest, Encoding, RerankRequest, Vector
from axonflow_core.stream import Batch


async def forwarded(
    provider: Provider, call: NativeCall, model: str | None, timeout_s: float | None
) -> ForwardedAnswer:
    """The whole answer to `call`, as its client's dialect can hold it. Errors as
    `Provider.complete`; `RequestError` where the provider has no such calls."""
    ask = _count if call.is_counted else _UNARY.get(type(call.request))
    if ask is not None:
        return ForwardedAnswer(await ask(provider, call.request, model, timeout_s))
    fitted = fit_for_client(call.request, call.codec)
    completion = await provider.complete(fitted.request, model=model, timeout_s=timeout_s)
    return ForwardedAnswer(_for(fitted, call.codec, completion.receipt).answer(completion))


async def forwarded_stream(
    provider: Provider, call: NativeCall, model: str | None, timeout_s: float | None
) -> CompletionStream:
    """As `forwarded`, streamed. `EncodeError` where the client's dialect has no streams."""
    fitted = fit_for_client(call.request, call.codec, is_streamed=True)
    stream = await provider.stream(fitted.request, model=model, timeout_s=timeout_s)
    return ClientStream(stream, _for(fitted, call.codec, stream.receipt).stream())


def _for(fitted: Fitted, codec: Codec, receipt: Receipt | None) -> Fitted:
    """`fitted`, or nothing to fit where the answer is in the client's form."""
    is_own = receipt is not None and receipt.family == codec.name
    return Fitted(fitted.request) if is_own else fitted


class ClientStream(CompletionStream):
    """A provider's stream with its batches as the client's dialect can hold them."""

    def __init__(self, stream: CompletionStream, fitted: FittedStream) -> None:
        self._stream = stream
        self._fitted = fitted
        self.parse = stream.parse

    @property
    def broke(self) -> Callable[[AxonFlowError], None] | None:
        """The provider's stream tells it."""
        return self._stream.broke

    @broke.setter
    def broke(self, told: Callable[[AxonFlowError], None] | None) -> None:
        self._stream.broke = told

    @property
    def receipt(self) -> Receipt | None:  # type: ignore[override]
        """The provider's, which knows its latency once the answer was read."""
        return self._stream.receipt

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:  # type: ignore[override]
        """The provider's, and those of the answer so far."""
        provider, client = self._stream.adjustments, self._fitted.adjustments
        return (*provider, *(each for each in client if each not in provider))

    async def read(self) -> tuple[Batch, ...]:
        return tuple(map(self._fitted.fit, await self._stream.read()))

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _embed(
    provider: Provider, request: Any, model: str | None, timeout_s: float | None
) -> Any:
    if not isinstance(provider, SupportsEmbedding):
        raise _unsupported("embeddings")
    if request.encodings != (Encoding.BASE64,):
        return await provider.embed(request, model=model, timeout_s=timeout_s)
    # Not every family writes it, and the numbers of all are the same in it.
    asked = evolve(request, encodings=(Encoding.FLOAT,))
    embeddings = await provider.embed(asked, model=model, timeout_s=timeout_s)
    return evolve(embeddings, vectors=tuple(map(_in_base64, embeddings.vectors)))


def _in_base64(vector: Vector) -> Vector:
    if vector.encoding is not Encoding.FLOAT or isinstance(vector.values, str):
        return vector
    packed = array("f", vector.values)
    if byteorder == "big":
        packed.byteswap()
    text = b64encode(packed.tobytes()).decode()
    return evolve(vector, values=text, encoding=Encoding.BASE64)


async def _count(
    provider: Provider, request: Any, model: str | None, timeout_s: float | None
) -> Any:
    if not isinstance(provider, SupportsTokenCounting):
        raise _unsupported("token counting")
    return await provider.count(request, model=model, timeout_s=timeout_s)


async def _rerank(
    provider: Provider, request: Any, model: str | None, timeout_s: float | None
) -> Any:
    if not isinstance(provider, SupportsReranking):
        raise _unsupported("reranking")
    return await provider.rerank(request, model=model, timeout_s=timeout_s)


_UNARY: Mapping[type, Callable[[Provider, Any, str | None, float | None], Awaitable[Any]]] = {
    EmbeddingRequest: _embed,
    RerankRequest: _rerank,
}


def _unsupported(ability: str) -> RequestError:
    return RequestError(
        f"the provider does not support {ability}", hint="name another one with `provider=`"
    )
