"""Converse's counts, which its clients read without a look whether they are there.

`inputTokens`, `outputTokens` and `totalTokens` are required members of shape `TokenUsage`. An
answer of a model that nobody counted for, and the end of a stream that a policy stopped, have 0.
Source: the bedrock-runtime service model, API 2023-09-30.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.endpoint.operations import AnswerForm, Encoder
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch

_NONE = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


class _Counting:
    """An encoder around Converse's."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The events of a batch."""
        events = self._encoder.encode(batch)
        return [
            {"metadata": _counted(event["metadata"])} if "metadata" in event else event
            for event in events
        ]


def _counted(native: Mapping[str, Json]) -> Json:
    return {**native, "usage": {**_NONE, **native.get("usage", {})}}


def counted(form: AnswerForm) -> AnswerForm:
    """`form`, of an operation whose codec writes Converse, with counts in every answer."""

    def stream_encoder(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
        return _Counting(form.stream_encoder(codec, context, facts))

    def close_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
        return _counted(form.close_answer(codec, completion, facts))

    return evolve(form, stream_encoder=stream_encoder, close_answer=close_answer)
