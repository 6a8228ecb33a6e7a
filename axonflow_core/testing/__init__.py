"""The kit for authors of plugins: laws and strategies for codecs, golden files, and the runner of
recorded traffic.

    from axonflow_core.testing import codec_test

    test_my_family = codec_test(CODEC, __file__)

holds a codec to every law (`codec_laws`) and to the golden files next to the test (`golden_cases`).

Names are imported when they are first asked for: only the laws and the strategies need Hypothesis,
which `pip install "axonflow-core[testing]"` brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axonflow_core.recordings.json_equality import Difference, difference
    from axonflow_core.recordings.recording import Recording, read_recordings
    from axonflow_core.recordings.recording_format import RecordingFormat
    from axonflow_core.recordings.replay import check_recording
    from axonflow_core.recordings.results import Tally
    from axonflow_core.testing.claims import Claims
    from axonflow_core.testing.detector_laws import detector_test
    from axonflow_core.testing.error_laws import error_laws
    from axonflow_core.testing.fake_service import FakeService
    from axonflow_core.testing.golden import GoldenCase, golden_cases
    from axonflow_core.testing.laws import Law, check_codec, check_laws, codec_laws
    from axonflow_core.testing.mock_transport import MockAnswer, MockTransport, json_answer
    from axonflow_core.testing.mutations import Mutant, codec_mutants
    from axonflow_core.testing.provider_laws import ProviderCase, provider_test
    from axonflow_core.testing.strategies import completions, joined_requests, requests, streams
    from axonflow_core.testing.suite import codec_test
    from axonflow_core.testing.unary_laws import counting_laws, embedding_laws, rerank_laws
    from axonflow_core.testing.unary_strategies import (
        embedding_requests,
        embeddings,
        rankings,
        rerank_requests,
    )

__all__ = [
    "Claims",
    "Difference",
    "FakeService",
    "GoldenCase",
    "Law",
    "MockAnswer",
    "MockTransport",
    "Mutant",
    "ProviderCase",
    "Recording",
    "RecordingFormat",
    "Tally",
    "check_codec",
    "check_laws",
    "check_recording",
    "codec_laws",
    "codec_mutants",
    "codec_test",
    "completions",
    "counting_laws",
    "detector_test",
    "difference",
    "embedding_laws",
    "embedding_requests",
    "embeddings",
    "error_laws",
    "golden_cases",
    "joined_requests",
    "json_answer",
    "provider_test",
    "rankings",
    "read_recordings",
    "requests",
    "rerank_laws",
    "rerank_requests",
    "streams",
]

_NAMES = {
    "recordings.json_equality": "Difference difference",
    "recordings.recording": "Recording read_recordings",
    "recordings.recording_format": "RecordingFormat",
    "recordings.replay": "check_recording",
    "recordings.results": "Tally",
    "testing.claims": "Claims",
    "testing.detector_laws": "detector_test",
    "testing.error_laws": "error_laws",
    "testing.fake_service": "FakeService",
    "testing.golden": "GoldenCase golden_cases",
    "testing.laws": "Law check_codec check_laws codec_laws",
    "testing.mock_transport": "MockAnswer MockTransport json_answer",
    "testing.mutations": "Mutant codec_mutants",
    "testing.provider_laws": "ProviderCase provider_test",
    "testing.strategies": "completions joined_requests requests streams",
    "testing.suite": "codec_test",
    "testing.unary_laws": "counting_laws embedding_laws rerank_laws",
    "testing.unary_strategies": "embedding_requests embeddings rankings rerank_requests",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"axonflow_core.{_HOMES[name]}")
    value = globals()[name] = getattr(home, name)
    return value
