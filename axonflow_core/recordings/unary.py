"""Recorded embeddings, rankings and token counts, and the laws of `replay` that apply to them:
all but `stream`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import field

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.unary import Unary
from axonflow_core.errors import EncodeError, MalformedRequest
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json, Usage

from .billing import disagreeing, miscounted
from .json_equality import Difference, difference
from .meaning import leftovers, unread


@frozen(kw_only=True)
class RecordedUnary:
    """One request and its answer in the family's JSON, without what the provider adds. A side that
    was not recorded is None.
    """

    codec: Unary[Any, Any]
    facts: ModelFacts
    request_body: Json = field(repr=False)
    response_body: Json = field(repr=False)
    is_refused: bool
    """Whether the provider refused the request."""
    is_body_at_fault: bool
    """Whether it was refused because of its body."""
    billed: Usage = Usage()
    """The counts that the provider sends next to the answer and bills."""
    open_answer: Callable[[Json], Any] = field(repr=False)
    """Decodes the answer together with what the provider sends next to it."""

    def laws(self) -> dict[str, Callable[[], Iterator[Difference]] | None]:
        """Law -> its check; None where the recording lacks that side. The names are those of
        `LAWS`; there is never a stream."""
        has_request, has_answer = self.request_body is not None, self.response_body is not None
        return {
            "request": self._request if has_request else None,
            "response": self._response if has_answer else None,
            "stream": None,
            "meaning": self._meaning if has_request or has_answer else None,
        }

    def _request(self) -> Iterator[Difference]:
        """The body that was sent comes back, unless the provider refused it too."""
        try:
            request = self.codec.decode_request(self.request_body, self.facts)
            written = self.codec.encode_request(request, self.facts)
        except (MalformedRequest, EncodeError):
            if self.is_refused:
                return
            raise
        found = None if self.is_body_at_fault else difference(self.request_body, written)
        yield from () if found is None else (found,)

    def _response(self) -> Iterator[Difference]:
        answer = self.codec.decode_response(self.response_body, self.facts)
        found = difference(self.response_body, self.codec.encode_response(answer, self.facts))
        yield from () if found is None else (found,)

    def _meaning(self) -> Iterator[Difference]:
        """What request and answer lost, and counts that differ from the billed ones."""
        if self.request_body is not None:
            yield from self._understood_request()
        if self.response_body is not None:
            answer = self.open_answer(self.response_body)
            # A key may be documented for request and answer with different meanings: `images` are
            # pictures in a request, and their sizes in the answer.
            asked = (
                frozenset(self.request_body) if isinstance(self.request_body, dict) else frozenset()
            )
            yield from leftovers(answer, self.codec.documented - asked, "response")
            yield from unread(self.response_body, [answer])
            yield from miscounted(self.billed, getattr(answer, "usage", self.billed))
            own = self.codec.decode_response(self.response_body, self.facts)
            yield from disagreeing(self.billed, getattr(own, "usage", Usage()), frozenset())

    def _understood_request(self) -> Iterator[Difference]:
        try:
            request = self.codec.decode_request(self.request_body, self.facts)
        except MalformedRequest:
            return  # the law `request` reports it
        if self.is_body_at_fault:
            return
        yield from leftovers(request, self.codec.documented, "request")
        yield from unread(self.request_body, [request])
