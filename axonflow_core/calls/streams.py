"""A streamed answer as it comes: bytes, frames, chunks, events.

    http.read      what one network read brought
    frame_reader   the frames that it completed
    read_frame     the chunk in a frame, or the error that the frame carries
    chunk_reader   the events that the chunk stands for: one batch
    fitted.fit     the same with the caller's own names

The order of faults is the order of the stream: whatever precedes an error in a network read is
handed out first, and the next read raises the error. So nothing that arrived is lost, and nothing
is handed out that came after the error.

`begin` reads ahead to the first event. Until then an error is the call's own, and the call may be
made again; afterwards it is the stream's, for something of the answer was handed out.

A stream has an end: one of more than `MAX_STREAM_BYTES` or `MAX_STREAM_CHUNKS` is cut there, and
its connection is closed. Whatever ends a stream early closes its connection.

An answer is complete only when its family's terminal event was read. Bytes that end before it are a
`TruncatedStream` with the text so far, however cleanly the connection was closed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from axonflow_core import waiting
from axonflow_core.errors import AxonFlowError, RequestError, TruncatedStream
from axonflow_core.frozen import evolve
from axonflow_core.http.client import ByteStream
from axonflow_core.messages import Adjustment, Completion, Json, Receipt
from axonflow_core.provider import CompletionStream
from axonflow_core.stream import Batch, Ended, batch_of

if TYPE_CHECKING:
    from .route import CompletionCall
    from .surface import ReadFrame, Surface

MAX_STREAM_BYTES = 128 * 2**20
"""The longest stream. The longest answers have 128,000 tokens, in frames of some 300 bytes."""
MAX_STREAM_CHUNKS = 2**18
"""The most chunks of a stream: two for each token of the longest answers."""

Enriched: TypeAlias = Callable[[AxonFlowError, str, str | None], AxonFlowError]
"""Adds to an error whose call it was, given the model and the provider's id of the call."""


class DecodedStream(CompletionStream):
    """One network read gives the batches of every frame that it completes."""

    def __init__(
        self, http: ByteStream, call: CompletionCall, receipt: Receipt, enriched: Enriched
    ) -> None:
        self.receipt = receipt
        self._request_id = receipt.request_id
        self._enriched = enriched
        surface, route = call.route.surface, call.route
        self._http = http
        self._fitted = call.fitted.stream()
        self._fit = None if self._fitted.is_identity else self._fitted.fit
        self._started = call.started
        self._address = route.address
        self._new_frame_reader = surface.frame_reader
        self._frames = surface.frame_reader()
        self._chunks = surface.chunk_reader(route.codec, route.facts)
        self._feed = self._chunks.feed
        self._read_frame = surface.read_frame
        self._is_native = call.is_native
        self._has_ended = False
        self._pending = bytearray()
        """Bytes of a native stream whose frames are not handed out yet."""
        self._handed_out = 0
        self._fault: AxonFlowError | None = None
        self._bytes_left, self._chunks_left = MAX_STREAM_BYTES, MAX_STREAM_CHUNKS
        self._is_being_read = False
        self._ahead: tuple[Batch, ...] | None = None
        if call.is_native:
            self._read_frame = self._compared(surface)

    def _compared(self, surface: Surface) -> ReadFrame:
        """Reads frames whose bytes go on: up to the first in which another parser may read what
        nobody read here."""
        read_frame, has_one_reading = surface.read_frame, surface.has_one_reading

        def read(frame: Any, /, *, model: Any, request_id: str | None) -> Json:
            chunk = read_frame(frame, model=model, request_id=request_id)
            if self._is_native and not has_one_reading(frame, chunk):
                self._is_native, self.native = False, None
            return chunk

        return read

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:  # type: ignore[override]
        """Those of the request, and those of the answer so far."""
        return self._fitted.adjustments

    async def begin(self) -> None:
        """Read up to the first event. Whoever gets an error here closes the connection."""
        self._ahead = await self.read()

    async def read(self) -> tuple[Batch, ...]:
        if self._ahead is not None:
            batches, self._ahead = self._ahead, None
            return batches
        if self._is_being_read:
            raise RequestError(
                "another task is reading this stream",
                hint="read a stream in one task, and hand on what it gives",
            )
        self._is_being_read, self.native = True, None
        try:
            while self._fault is None and (data := await self._http.read()):
                batches = self._decode(data)
                if self._is_native:
                    self._keep_native(data, len(batches))
                if batches:
                    return batches
            self._finish()
        except AxonFlowError as error:
            self._fault = self._explained(error)  # raised again by every later read
            broke, self.broke = self.broke, None
            if broke is not None:
                broke(error)
            await self._http.aclose()
            raise self._fault from error.__cause__
        finally:
            self._is_being_read = False
        return ()

    async def aclose(self) -> None:
        await self._http.aclose()

    def _decode(self, data: bytes) -> tuple[Batch, ...]:
        """What the frames in `data` say. A fault waits until the caller has what came before it."""
        batches: list[Batch] = []
        frames, read_frame, feed, fit = self._frames, self._read_frame, self._feed, self._fit
        address, request_id = self._address, self._request_id
        try:
            for frame in frames.feed(data):
                batch = feed(read_frame(frame, model=address, request_id=request_id))
                if batch and type(batch[-1]) is Ended:
                    batch = self._ended(batch)
                batches.append(batch if fit is None else fit(batch))
            self._fault = frames.fault
        except AxonFlowError as fault:
            self._fault = fault
        self._bytes_left -= len(data)
        self._chunks_left -= len(batches)
        if (self._bytes_left < 0 or self._chunks_left < 0) and self._fault is None:
            self._fault = _endless()
        return tuple(batches)

    def _ended(self, batch: Batch) -> Batch:
        """A stream ends once, also where both the cloud and the family say so."""
        is_again, self._has_ended = self._has_ended, True
        return batch[:-1] if is_again else batch

    def _keep_native(self, data: bytes, count: int) -> None:
        """`native` gets the bytes of the frames that are handed out, and no others: what comes
        after them was not read yet, or is an error, which is written anew."""
        self._pending += data
        whole = self._frames.consumed_bytes - self._handed_out
        if self._fault is not None:
            whole = self._length_of(count)
        self._handed_out += whole
        self.native = (self.native or b"") + self._pending[:whole]
        del self._pending[:whole]

    def _length_of(self, count: int) -> int:
        """How many pending bytes hold `count` frames. Asked once a stream, after an error."""

        def frames_in(length: int) -> int:
            try:
                return len(self._new_frame_reader().feed(bytes(self._pending[:length])))
            except AxonFlowError:
                return 0

        return bisect_left(range(len(self._pending) + 1), count, key=frames_in)

    def _finish(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._frames.finish()
        self._chunks.finish()
        if self.receipt is not None and self.receipt.latency_ms is None:
            elapsed_s = waiting.now() - self._started
            self.receipt = evolve(self.receipt, latency_ms=round(elapsed_s * 1000))

    def _explained(self, error: AxonFlowError) -> AxonFlowError:
        if isinstance(error, TruncatedStream):
            error.partial_text = self._chunks.partial_text
            error.is_text_cut = self._chunks.is_text_cut
        receipt = self.receipt
        return error if receipt is None else self._enriched(error, receipt.model, self.request_id)


def _endless() -> TruncatedStream:
    return TruncatedStream(
        f"the stream was cut after {MAX_STREAM_BYTES // 2**20} MiB or {MAX_STREAM_CHUNKS} chunks: "
        "no answer is longer",
        hint="a proxy or the service repeats itself; set `max_tokens` to bound an answer",
    )


class WholeAnswer(CompletionStream):
    """The stream of a family that has none: the whole answer in one batch."""

    def __init__(self, completion: Completion) -> None:
        self.receipt = completion.receipt
        self.adjustments = completion.adjustments
        self._left: tuple[Batch, ...] = (batch_of(completion),)

    async def read(self) -> tuple[Batch, ...]:
        batches, self._left = self._left, ()
        return batches

    async def aclose(self) -> None:
        """Nothing is open."""
