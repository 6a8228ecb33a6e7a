"""Unmodified clients of other people at a governed server, before Bedrock's emulator.

Each module is skipped by name where its client is not installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from attrs import field, frozen

from tests.together.drop_in import DIALECTS, FURTHER_DIALECTS, SECRET, drop_in

# LiteLLM asks the network for prices when it is imported, three times, unless it is told not to.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

RULES = [
    {"result": "rain", "answer": "Take an umbrella."},
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {"when": "list files", "calls": [{"name": "exec_command", "input": {"cmd": "echo rain"}}]},
    {
        "when": "think and list",
        "reasoning": "I list them.",
        "calls": [{"name": "exec_command", "input": {"cmd": "echo rain"}}],
    },
    {"when": "secret", "answer": f"It is {SECRET}, and nothing else."},
    {"when": "late", "answer": "So it is. " * 900 + f"It is {SECRET}."},
]


@frozen
class Endpoint:
    """What a client has to know of the server."""

    url: str
    key: str = field(repr=False)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server whose models are those of Bedrock: `claude`, `nova`, …"""
    folder, dialects = tmp_path_factory.mktemp("clients"), (*DIALECTS, *FURTHER_DIALECTS)
    with drop_in(folder, RULES, providers=("bedrock",), dialects=dialects) as server:
        yield Endpoint(f"http://127.0.0.1:{server.port}", f"acme:{server.secret('acme')}")
