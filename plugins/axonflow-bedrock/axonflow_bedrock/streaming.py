"""An answer as it comes: bytes -> frames -> chunks -> events; or the whole of it, where a family
does not stream."""

from __future__ import annotations

from axonflow_core.errors import AxonFlowError, TruncatedStream
from axonflow_core.fitting import Fitted
from axonflow_core.http.client import HttpStream
from axonflow_core.messages import Completion
from axonflow_core.provider import CompletionStream
from axonflow_core.stream import Batch, batch_of

from .resolver import ResolvedModel
from .wire.eventstream import FrameDecoder


class BedrockStream(CompletionStream):
    """One network read gives the batches of every frame that it completes."""

    def __init__(
        self, http: HttpStream, target: ResolvedModel, fitted: Fitted, provider: str
    ) -> None:
        self.request_id = http.headers.get("x-amzn-requestid")
        self.adjustments = fitted.adjustments
        self._fitted = fitted
        self._http = http
        self._target = target
        self._provider = provider
        self._frames = FrameDecoder()
        self._events = target.surface.stream_decoder(target.codec, target.facts)
        self._read_frame = target.surface.read_frame
        self._fault: AxonFlowError | None = None
        self._ahead: tuple[Batch, ...] | None = None

    async def begin(self) -> None:
        """Read up to the first event: until then a fault is the call's, and the call may be made
        again."""
        try:
            self._ahead = await self.read()
        except BaseException:
            await self.aclose()
            raise

    async def read(self) -> tuple[Batch, ...]:
        if self._ahead is not None:
            batches, self._ahead = self._ahead, None
            return batches
        try:
            while self._fault is None and (data := await self._http.read()):
                batches = self._decode(data)
                if batches:
                    return batches
            self._finish()
        except AxonFlowError as error:
            if isinstance(error, TruncatedStream):
                error.partial_text = self._events.partial_text
            model = self._target.model_id.given
            raise error.enrich(
                provider=self._provider, model=model, request_id=self.request_id
            ) from error.__cause__
        return ()

    def _decode(self, data: bytes) -> tuple[Batch, ...]:
        """What the frames in `data` say. A fault waits until the caller has what came before it."""
        batches: list[Batch] = []
        try:
            for frame in self._frames.feed(data):
                chunk = self._read_frame(
                    frame, model=self._target.model_id, request_id=self.request_id
                )
                batches.append(self._fitted.events(self._events.feed(chunk)))
            self._frames.feed(
                b""
            )  # raises what is wrong behind these frames, for no more bytes may come
        except AxonFlowError as fault:
            self._fault = fault
        return tuple(batches)

    def _finish(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._frames.finish()
        self._events.finish()

    async def aclose(self) -> None:
        await self._http.aclose()


class WholeAnswer(CompletionStream):
    """The stream of a family that has none: the whole answer in one batch."""

    def __init__(self, completion: Completion) -> None:
        self.adjustments = completion.adjustments
        self._left: tuple[Batch, ...] = (batch_of(completion),)

    async def read(self) -> tuple[Batch, ...]:
        batches, self._left = self._left, ()
        return batches

    async def aclose(self) -> None:
        """Nothing is open."""
