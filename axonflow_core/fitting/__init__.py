"""A request made to fit the model it is for, and the answer made to fit who asked.

Theory of operation. Three parties differ: the **request**, from a program or in a client's JSON;
the **model**, whose family's codec can encode much and which itself takes less (`ModelFacts`); and
the **client**, whose dialect has places for some of what the model answers. `fit` settles all three
before anything is sent:

    fit(request, codec, facts, client=dialect)   ->  Fitted(request, adjustments, …)
    codec.encode_request(fitted.request, facts)      what is sent
    fitted.answer(completion)                        a whole answer, or
    events = fitted.stream(); events.fit(batch)      a streamed one, batch by batch

One policy decides what happens to what the model cannot take:

    form             content in another form is converted: names, ids, order of messages, an output
                     schema as a forced tool, an effort as a budget. What the caller should know of
                     it is reported (`Adjustment`).
    no meaning       parameters that steer sampling or label a call, cache points, what says nothing
                     (blank texts, empty messages), and what only another vendor can read
                     (signatures, reasoning of earlier turns, citations, unknown members) are left
                     out and reported; parameters are refused instead where the operator says so
                     (`Unsupported.ERROR`).
    meaning          anything else is an `EncodeError` that names it, and nothing is sent.

An answer has been billed. So it is never refused: what the client's dialect has no place for is
left out and reported, and where the request shows that it will be asked for, the report precedes
the call.

    requests     the steps, as tables
    options      parameters outside the neutral model, metadata, tiers
    members      what only the client's dialect can read
    betas        Anthropic's betas, and the parameters that each opens
    reasoning    mode, budget and effort
    thoughts     reasoning of earlier turns
    exclusions   what may not stand next to reasoning
    output       an output schema, or a forced tool in its place
    schemas      what a model is told of a tool
    schema_forms schemas of older drafts, and what is none
    cache_points how many, where, and for how long
    blanks       messages and texts that say nothing
    media        pictures and documents: labels, sources, limits
    parameters tools names turns    one kind of step each
    answers      the answer, whole and in a stream
    blocks_in_turn  a streamed one, block by block
    model        what a step knows of the model, and where it reports
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from attrs import field

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.features import Asked, asked_by
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY, Adjustment, Completion, CompletionRequest
from axonflow_core.stream import Batch

from .answers import (
    ClientEvents,
    OutputEvents,
    fit_answer,
    output_of,
    takes_answers_as_they_are,
)
from .model import Model
from .model import Unsupported as Unsupported
from .names import CallerNames
from .options import leave_out_transport_keys
from .parameters import is_beyond_limit, keep_limit_within_models
from .requests import fit_request, fit_served, foresee, needs_steps


@frozen
class Fitted:
    """A request as its model takes it, and how its answer becomes one to the request as made."""

    request: CompletionRequest
    adjustments: tuple[Adjustment, ...] = ()
    """What was changed or left out, and what the answer will lack."""
    tool_names: Mapping[str, str] = field(default=EMPTY, repr=False)
    document_names: Mapping[str, str] = field(default=EMPTY, repr=False)
    call_ids: Mapping[str, str] = field(default=EMPTY, repr=False)
    """Names as they are sent -> as the caller knows them."""
    output_tool: str | None = None
    """The caller's name of the tool that stands in for an output schema."""
    client: Codec | None = None
    """The codec of the dialect that the answer is for, where it has no place for every answer."""
    asked: Asked | None = field(default=None, repr=False, eq=False)
    """What `request` asks for, where no step changed it since that was collected."""

    def answer(self, completion: Completion) -> Completion:
        """The answer to the request that was sent, as one to the request that was made."""
        # Reverse order of the request's steps: names were changed last, so they are restored first.
        if names := self._names:
            completion = evolve(completion, content=tuple(map(names.block, completion.content)))
        if self.output_tool is not None:
            completion = output_of(completion, self.output_tool)
        if self.adjustments:
            adjustments = (*completion.adjustments, *self.adjustments)
            completion = evolve(completion, adjustments=adjustments)
        return completion if self.client is None else fit_answer(completion, self.client)

    def stream(self) -> FittedStream:
        """As `answer`, for one stream."""
        return FittedStream(self)

    @property
    def _names(self) -> CallerNames | None:
        names = (self.tool_names, self.document_names, self.call_ids)
        return CallerNames(*names) if any(names) else None


class FittedStream:
    """The batches of one streamed answer, made to fit as they come."""

    def __init__(self, fitted: Fitted) -> None:
        self._before = fitted.adjustments
        self._client = None if fitted.client is None else ClientEvents(fitted.client)
        steps: list[Callable[[Batch], Batch]] = []
        if (names := fitted._names) is not None:
            steps.append(lambda batch: tuple(map(names.event, batch)))
        if fitted.output_tool is not None:
            steps.append(OutputEvents(fitted.output_tool).fit)
        if self._client is not None:
            steps.append(self._client.fit)
        self.fit = steps[0] if len(steps) == 1 else partial(_in_turn, steps)
        """Makes one batch fit."""
        self.is_identity = not steps
        """Whether `fit` returns every batch as it is."""

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """Those of the request, and those of the answer so far."""
        return self._before if self._client is None else self._client.merged(self._before)


def _in_turn(steps: Sequence[Callable[[Batch], Batch]], batch: Batch) -> Batch:
    for step in steps:
        batch = step(batch)
    return batch


def fit(
    request: CompletionRequest,
    codec: Codec,
    facts: ModelFacts,
    unsupported: Unsupported = Unsupported.REPORT,
    *,
    is_streamed: bool = False,
    client: Codec | None = None,
) -> Fitted:
    """`request` as the model takes it. `EncodeError` names what it cannot take in any form.

    `client` is the codec that decoded the request and will encode the answer. None: a program made
    the request and reads the answer as values.
    """
    if client is not None:
        request = leave_out_transport_keys(request)
        # A codec that answers its own client needs nothing fitted back.
        client = None if client is codec else client
    asked, is_beyond = asked_by(request), is_beyond_limit(request, facts)
    # Most requests of a program have messages and a limit alone: they pay for this one look.
    if client is None and not is_beyond and not needs_steps(asked):
        return Fitted(request, asked=asked)
    model = Model(codec, facts, unsupported, is_streamed, client)
    if is_beyond:
        request = keep_limit_within_models(request, model)
    if client is not None:
        # First what only the client's dialect can read, because the steps below know neutral values
        # alone. That may take features away, so they are collected again.
        request = fit_served(request, asked.uses, model)
        asked = asked_by(request)
        client = None if takes_answers_as_they_are(client, codec) else client
    fitted = fit_request(request, asked.uses, model)
    return Fitted(
        fitted,
        tuple(model.adjustments),
        model.tool_names,
        model.document_names,
        model.call_ids,
        model.output_tools[0] if model.output_tools else None,
        client,
        asked if fitted is request else None,
    )


def fit_for_client(
    request: CompletionRequest, client: Codec, *, is_streamed: bool = False
) -> Fitted:
    """`request` for a provider that fits it to its model itself, and its answer for `client`, the
    codec that decoded the request and will encode the answer. `EncodeError` where `client` cannot
    encode the answer in any form."""
    request = leave_out_transport_keys(request)
    model = Model(client, ModelFacts(), Unsupported.REPORT, is_streamed, client)
    return Fitted(foresee(request, model), tuple(model.adjustments), client=client)
