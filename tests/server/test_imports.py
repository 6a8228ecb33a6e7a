"""What a server holds that waits for its first call: all that the call needs, and nothing besides.
A megabyte of modules is a megabyte of every worker, and an import keeps a call waiting."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

CONFIG = """\
version: "1.0"
server: {open: true}
llm_providers: {echo: {enabled: true}}
"""
SERVER = """
import http.client, json, os, signal, sys, threading
from pathlib import Path
import encodings.idna  # of the client
from axonflow_core.server.launch import launch

BODY = json.dumps({"query": "select 1; +44 20 7946 0958", "user_token": "", "request_type": "chat"})

def call(port, waiting):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/api/request", BODY, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    called = set(sys.modules) - waiting
    print(json.dumps({"status": status, "waiting": sorted(waiting), "called": sorted(called)}))
    os.kill(os.getpid(), signal.SIGTERM)

def ready(url):
    port = int(url.rpartition(":")[2])
    threading.Thread(target=call, args=(port, set(sys.modules))).start()

launch(Path(sys.argv[1]), host="127.0.0.1", port=0, on_ready=ready, environment={})
"""
NEEDED = "cryptography re2 sqlglot sqlalchemy.dialects.sqlite stdnum.iban".split()
UNNEEDED = (
    "alembic mako pygments rich phonenumbers sqlalchemy.dialects.postgresql psycopg botocore boto3"
    " dbos axonflow_core.emulator axonflow_core.recordings axonflow_core.testing"
).split()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[str]]:
    """The modules of a server that waits, and those that its first call imports."""
    config: Path = tmp_path_factory.mktemp("served") / "axonflow.yaml"
    config.write_text(CONFIG)
    command = [sys.executable, "-c", SERVER, str(config)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Sequence[str]] = json.loads(finished.stdout)
    assert found.pop("status") == 200
    return found


@pytest.mark.parametrize("module", NEEDED)
def test_what_a_call_needs_is_there_before_it(
    served: Mapping[str, Sequence[str]], module: str
) -> None:
    assert module in served["waiting"]


@pytest.mark.parametrize("module", UNNEEDED)
def test_what_no_call_needs_is_not_there(served: Mapping[str, Sequence[str]], module: str) -> None:
    assert module not in served["waiting"]


def test_the_first_call_imports_nothing(served: Mapping[str, Sequence[str]]) -> None:
    assert served["called"] == []
