"""Fixtures for tests of programs that use boto3 or AxonFlow: a local Bedrock.

    def test_my_program(bedrock_emulator):
        client = bedrock_emulator.boto3_client()
        client.invoke_model(modelId="amazon.titan-text-express-v1", body=…)
        assert bedrock_emulator.calls[-1].status == 200

    @pytest.mark.bedrock(script=[{"when": "weather", "answer": "It rains."}])
    def test_my_other_program(bedrock_environment):
        assert my_program.ask("How is the weather?") == "It rains."

pytest imports this module in every run, so the emulator and boto3 are imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .serving import RunningEmulator

_OTHER_ACCOUNTS = ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def pytest_configure(config: pytest.Config) -> None:
    """pytest's hook: the marker is known, also under `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        "bedrock(script=…, **settings): the Bedrock emulator of this test has a script, or other "
        "settings of `axonflow_bedrock.emulator.emulator`",
    )


@pytest.fixture(scope="session")
def bedrock_emulator_of_session() -> Iterator[RunningEmulator]:
    """A running Bedrock emulator with every installed family, one for the whole test session."""
    with _served() as running:
        yield running


@pytest.fixture
def bedrock_emulator(request: pytest.FixtureRequest) -> Iterator[RunningEmulator]:
    """A running Bedrock emulator, whose `calls` are this test's: that of the session, or one of its
    own for a test with the marker `bedrock`."""
    marker = request.node.get_closest_marker("bedrock")
    if marker is None:
        running: RunningEmulator = request.getfixturevalue("bedrock_emulator_of_session")
        running.calls.clear()
        yield running
        return
    with _served(*marker.args, **marker.kwargs) as running:
        yield running


@pytest.fixture
def bedrock_environment(
    bedrock_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> RunningEmulator:
    """`bedrock_emulator`, with the environment of the test pointed at it: clients that are made in
    the test, without any settings, call the emulator."""
    for name in _OTHER_ACCOUNTS:
        monkeypatch.delenv(name, raising=False)
    for name, value in bedrock_emulator.environment.items():
        monkeypatch.setenv(name, value)
    return bedrock_emulator


def _served(script: Any = None, **settings: Any) -> Any:
    from .emulator import emulator
    from .serving import serving

    return serving(emulator(script=script, **settings))
