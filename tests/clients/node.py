"""Programs for Node: packages of npm that were installed beforehand, run by the `node` of this
machine.

`AXONFLOW_NODE_MODULES` names the folder `node_modules` that has them (`npm install --prefix`);
`.ci/run` sets it. Where it, Node or a package is missing, a test is skipped by name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

Ran = subprocess.CompletedProcess[str]


def package(*names: str) -> Path:
    """The folder with these packages; the test is skipped where it has not all of them."""
    if shutil.which("node") is None:
        pytest.skip("Node is missing")
    modules = os.environ.get("AXONFLOW_NODE_MODULES")
    if modules is None:
        pytest.skip("AXONFLOW_NODE_MODULES names no folder of npm packages")
    for name in names:
        if not (Path(modules) / name).is_dir():
            pytest.skip(f"the npm package {name} is missing")
    return Path(modules)


def run(
    command: list[str], folder: Path, environment: Mapping[str, str], *, timeout_s: float = 60
) -> Ran:
    """The program, run to its end, without a terminal."""
    return subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def evaluated(
    modules: Path, folder: Path, script: str, environment: Mapping[str, str]
) -> Mapping[str, Any]:
    """What a script of ES modules writes as JSON. It finds packages next to it."""
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(modules)
    path = folder / "script.mjs"
    path.write_text(script)
    ran = run(["node", str(path)], folder, environment)
    assert ran.returncode == 0, ran.stderr
    result: Mapping[str, Any] = json.loads(ran.stdout)
    return result
