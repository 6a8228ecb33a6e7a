"""Calls that are one request and one answer: embeddings, rankings, token counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from axonflow_core import waiting
from axonflow_core.codec.unary import EmbeddingCodec, Unary
from axonflow_core.errors import AxonFlowError, DecodeError
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Timeouts
from axonflow_core.json import dumps
from axonflow_core.json_text import loads_answer
from axonflow_core.provider import ForwardedAnswer, NativeCall
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, merge_embeddings

from .attempts import AttemptLog, Attempts
from .route import Call, UnaryRoute

Q = TypeVar("Q")
A = TypeVar("A")

_CALLS_AT_ONCE = 8
"""How many calls one request may have under way, where a model takes few inputs a call."""


@frozen
class Deadline:
    """When the calls of one request end together: `given_s` after they began."""

    given_s: float
    ends_at: float
    """On the clock of `waiting`."""


class UnaryCaller:
    """Makes these calls for one provider. `timeouts` bound each; a `deadline` bounds the calls of
    one request together."""

    def __init__(self, attempts: Attempts, timeouts: Timeouts) -> None:
        self._attempts = attempts
        self._timeouts = timeouts

    def deadline(self, timeout_s: float | None = None) -> Deadline:
        """That of what begins now and may take `timeout_s`, or what the configuration gives."""
        total_s = self._timeouts.total_s
        given_s = total_s if timeout_s is None else min(timeout_s, total_s)
        return Deadline(given_s, waiting.now() + given_s)

    async def ask(
        self,
        route: UnaryRoute[Unary[Q, A]],
        request: Q,
        *,
        measure: Callable[[A, Mapping[str, str]], A] = lambda answer, headers: answer,
        deadline: Deadline | None = None,
    ) -> A:
        """One request and its one answer. `measure` adds to the answer what its headers bill."""
        try:
            body = route.body_of(request)
        except AxonFlowError as error:
            raise self._attempts.enriched(error, route.model) from error.__cause__
        answered = await self._asked(route, dumps(body), measure, deadline)
        answer: A = answered.answer
        return answer

    async def forward(
        self,
        route: UnaryRoute[Any],
        native: NativeCall,
        measure: Callable[[A, Mapping[str, str]], A],
        timeout_s: float | None = None,
    ) -> ForwardedAnswer:
        """As `forward`, for a client's call that is one request and one answer."""
        deadline, is_read = self.deadline(timeout_s), native.request == native.read_request
        if native.body is not None and is_read and native.codec.name == route.codec.name:
            return await self._asked(route, native.body, measure, deadline)
        answer = await self.ask(route, native.request, measure=measure, deadline=deadline)
        return ForwardedAnswer(answer)

    async def embed(
        self,
        route: UnaryRoute[EmbeddingCodec],
        request: EmbeddingRequest,
        measure: Callable[[Embeddings, Mapping[str, str]], Embeddings],
        deadline: Deadline | None = None,
    ) -> Embeddings:
        """One answer for all inputs, however many calls they take; all are encoded before one is
        sent. The first call that fails cancels the others."""
        try:
            parts = route.codec.split(request)
            bodies = [dumps(route.body_of(part)) for part in parts]
        except AxonFlowError as error:
            raise self._attempts.enriched(error, route.model) from error.__cause__
        deadline = deadline or self.deadline()
        calls = [partial(self._asked, route, body, measure, deadline) for body in bodies]
        answers = await waiting.in_order(calls, _CALLS_AT_ONCE)
        return merge_embeddings(
            [(len(part.inputs), got.answer) for part, got in zip(parts, answers, strict=True)]
        )

    async def _asked(
        self,
        route: UnaryRoute[Any],
        body: bytes,
        measure: Callable[[A, Mapping[str, str]], A],
        deadline: Deadline | None = None,
    ) -> ForwardedAnswer:
        deadline, started = deadline or self.deadline(), waiting.now()
        call = Call(
            route=route,
            operation=route.operation,
            headers=route.headers,
            body=body,
            timeouts=self._timeouts,
            started=started,
            ends_at=deadline.ends_at,
            given_s=deadline.given_s,
        )

        async def ask_once(call: Call, log: AttemptLog) -> ForwardedAnswer:
            response = await self._attempts.sent(call, log)
            try:
                native = loads_answer(response.body)
                answer: A = route.codec.decode_response(native, route.facts)
            except (ValueError, DecodeError) as error:
                raise self._attempts.unreadable(route.codec.name, response.body, error) from error
            self._attempts.upstream.answered(call, waiting.now() - started)
            measured = measure(answer, response.headers)
            return ForwardedAnswer(measured, response.body, response.headers)

        return await self._attempts.answered(call, ask_once)
