"""`docs/plans.md`: its files are written, its server runs, its commands print what it says."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest
from governed_server import governed_server
from pages import Page

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.config.nodes import YAML_KEY
from axonflow_core.emulator.serving import serving
from axonflow_core.plans.terms import ExecutionMode, PlanStatus, StepStatus
from conftest import Environment

PAGE = Page("plans.md")


@pytest.mark.thorough
@pytest.mark.skipif(find_spec("axonflow_bedrock") is None, reason="Bedrock's emulator is missing")
def test_the_pages_commands_print_what_it_says(tmp_path: Path) -> None:
    files = PAGE.files()
    (tmp_path / "script.yaml").write_text(files["script.yaml"])
    with (
        serving(emulator_of("bedrock", tmp_path / "script.yaml")) as running,
        governed_server(tmp_path / "here", files["axonflow.yaml"], running.environment) as server,
    ):
        settings = {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "AXONFLOW_URL": f"http://127.0.0.1:{server.port}",
            "AXONFLOW_KEYS_DIR": str(server.folder / "keys"),
        }
        PAGE.run(Environment(Path(sys.prefix), settings), server.folder)


def test_the_page_names_every_key() -> None:
    """Of agents and of plans, as they are written in YAML."""
    listed = {
        name
        for row in re.findall(r"^\| (`.+?`) \|", PAGE.text, re.M)
        for name in re.findall(r"`(\w+)`", row)
    }
    for section in (AgentConfig, PlansConfig):
        for each in attrs.fields(section):
            assert each.metadata.get(YAML_KEY, each.name) in listed, each.name


def test_the_page_names_every_mode_and_every_state() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.text))
    assert {*map(str, ExecutionMode), *map(str, PlanStatus)} <= named
    assert {*map(str, StepStatus)} - {"running"} <= named
