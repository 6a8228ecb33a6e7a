"""What a new process pays before it has an answer, as a ratio to boto3 in the same rounds.

CPU time of whole processes (user and system, interpreter included), the least of several rounds:
other load of the machine only ever adds to a process. All of them, boto3's too, find their bytecode
compiled, as after an installation, whatever the environment says of writing it.

    import *       every public name, against `import boto3`
    --help         `axonflow --help`, against `import boto3`
    first call     import, open, one answer of the emulator, against boto3's first `invoke_model`
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from tests.bench.calls import MODEL, emulator

ROUNDS = 11
IMPORT_BOTO3 = "import boto3"
IMPORT_ALL = "from axonflow_core import *"
HELP = "import sys; from axonflow_core.cli import main; main(['--help'])"
BOTO3_CALL = f"""
import boto3, json
body = {{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
        "messages": [{{"role": "user", "content": "Why is the sky blue?"}}]}}
client = boto3.client("bedrock-runtime")
json.load(client.invoke_model(modelId={MODEL!r}, body=json.dumps(body))["body"])
"""
BLOCKING_CALL = f"""
from axonflow_core import BlockingRuntime
with BlockingRuntime.open() as runtime:
    runtime.complete("Why is the sky blue?", model={MODEL!r})
"""
ASYNC_CALL = f"""
import asyncio
from axonflow_core import Runtime
async def main():
    async with Runtime.open() as runtime:
        await runtime.complete("Why is the sky blue?", model={MODEL!r})
asyncio.run(main())
"""
CASES = (
    ("import *", IMPORT_ALL, IMPORT_BOTO3, 0.75),
    ("--help", HELP, IMPORT_BOTO3, 1.25),
    ("first call", ASYNC_CALL, BOTO3_CALL, 1.4),
    ("first, blocking", BLOCKING_CALL, BOTO3_CALL, 1.4),
)


def cpu_ms(code: str, environment: Mapping[str, str]) -> float:
    """CPU time of a new process that runs `code`."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return (used.ru_utime + used.ru_stime) * 1e3


def measure() -> None:
    with emulator() as service, TemporaryDirectory() as bytecode:
        environment = os.environ | service | {"PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        codes = dict.fromkeys(code for case in CASES for code in case[1:3])
        rounds = [{code: cpu_ms(code, environment) for code in codes} for _ in range(ROUNDS + 1)]
    least = {code: min(taken[code] for taken in rounds[1:]) for code in codes}
    for name, ours, boto3, bar in CASES:
        mine, theirs = least[ours], least[boto3]
        sys.stdout.write(
            f"{name:<16} {mine:7.0f} ms   boto3 {theirs:7.0f} ms   ratio {mine / theirs:.2f}"
            f"   bar {bar}\n"
        )
