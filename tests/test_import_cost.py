"""What `import axonflow_core` and `axonflow --help` cost: next to nothing, and no network, cloud,
client or server."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import axonflow_core

HEAVY = (
    "asyncio",
    "ssl",
    "axonflow_core.http.blocking",
    "httptools",
    "re2",
    "phonenumbers",
    "stdnum",
    "sqlglot",
    "alembic",
    "cryptography",
    "boto3",
    "botocore",
    "rich",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "yaml",
    "cattrs",
    "pluggy",
)
WATCH = f"""
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)
{{code}}
heavy = [name for name in {HEAVY} if name in sys.modules]
print(*heavy, *opened)
"""


def cost_of(code: str) -> list[str]:
    """The heavy modules that a fresh interpreter holds after `code`, and the socket calls that it
    saw."""
    command = [sys.executable, "-c", WATCH.format(code=code)]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True
    )  # code of this file
    return finished.stdout.split()


def test_importing_the_package_loads_nothing_heavy_and_opens_no_socket() -> None:
    assert cost_of("import axonflow_core") == []


def test_importing_the_values_loads_nothing_heavy() -> None:
    assert (
        cost_of(
            "from axonflow_core import CompletionRequest, TextDelta, FamilyCodec, Throttled, user"
        )
        == []
    )


@pytest.mark.parametrize("module", ["httptools", "yaml"])
def test_the_watch_sees_what_is_imported(module: str) -> None:
    assert module in cost_of(f"import {module}")


def test_the_watch_sees_a_socket() -> None:
    assert "socket.__new__" in cost_of("import socket; socket.socket().close()")


def test_every_public_name_needs_no_cloud_no_client_and_no_server() -> None:
    assert cost_of("from axonflow_core import *") == ["pluggy"]


def test_a_blocking_call_needs_no_event_loop() -> None:
    call = (
        "from axonflow_core import BlockingRuntime\n"
        "with BlockingRuntime.open(provider='echo') as runtime: runtime.complete('hi')"
    )
    assert "asyncio" not in cost_of(call)


def test_a_call_on_an_event_loop_needs_no_client_for_threads() -> None:
    call = (
        "import asyncio\n"
        "from axonflow_core import Runtime\n"
        "async def main():\n"
        "    async with Runtime.open(provider='echo') as runtime: await runtime.complete('hi')\n"
        "asyncio.run(main())"
    )
    loaded = cost_of(call)
    assert "asyncio" in loaded
    assert "axonflow_core.http.blocking" not in loaded


def test_help_loads_nothing_heavy() -> None:
    assert (
        cost_of(
            "from axonflow_core.cli import main; sys.stdout = sys.stderr; main(['--help']); "
            "sys.stdout = sys.__stdout__"
        )
        == []
    )


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert axonflow_core.__all__ == sorted(set(axonflow_core.__all__))
    for name in axonflow_core.__all__:
        assert getattr(axonflow_core, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Runtme'"):
        getattr(axonflow_core, "Runtme")  # noqa: B009 - the stub knows no such name


def test_type_checkers_are_told_the_same_names() -> None:
    stub = ast.parse(Path(axonflow_core.__file__).with_suffix(".pyi").read_text())
    imports = [statement for statement in stub.body if isinstance(statement, ast.ImportFrom)]
    told = {alias.name: f"{statement.module}" for statement in imports for alias in statement.names}
    assert told == {
        name: f"axonflow_core.{home}" for name, home in vars(axonflow_core)["_HOMES"].items()
    }
