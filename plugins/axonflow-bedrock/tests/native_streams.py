"""Streams of one codec, without a network: chunks read into batches, batches written as chunks."""

from __future__ import annotations

from collections.abc import Iterable

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch, assemble

FACTS = ModelFacts()


def batches_of(codec: FamilyCodec, chunks: Iterable[Json]) -> list[Batch]:
    """One batch for each chunk, of a stream that must be whole."""
    decoder = codec.stream_decoder(FACTS)
    batches = [decoder.feed(chunk) for chunk in chunks]
    decoder.finish()
    return batches


def chunks_of(codec: FamilyCodec, batches: Iterable[Batch]) -> list[Json]:
    encoder = codec.stream_encoder(StreamContext("id", "model", 0), FACTS)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def sum_of(batches: Iterable[Batch]) -> Completion:
    return assemble(event for batch in batches for event in batch)
