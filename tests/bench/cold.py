"""What a new process pays before it has an answer, against boto3 in the same rounds.

CPU time of whole processes (user and system, interpreter included), the least of several rounds:
other load of the machine only ever adds to a process. All of them, boto3's too, find their bytecode
compiled, as after an installation, whatever the environment says of writing it.

    import *              every public name, against `import boto3`
    --help                `axonflow --help`, against `import boto3`
    first call            import, open, one answer, against boto3's first `invoke_model`
    first call, ~/.aws    the same with credentials and region in files, none in the environment
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from .callers import MODEL, SETTINGS
from .rows import Row
from .service import Service, running_service

ROUNDS = 15
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
with BlockingRuntime.open(provider="bedrock") as runtime:
    runtime.complete("Why is the sky blue?", model={MODEL!r})
"""
ASYNC_CALL = f"""
import asyncio
from axonflow_core import Runtime
async def main():
    async with Runtime.open(provider="bedrock") as runtime:
        await runtime.complete("Why is the sky blue?", model={MODEL!r})
asyncio.run(main())
"""
CASES = (
    ("import *", IMPORT_ALL, "import boto3", IMPORT_BOTO3, 0),
    ("--help", HELP, "import boto3", IMPORT_BOTO3, 0),
    ("first call, blocking", BLOCKING_CALL, "boto3's first call", BOTO3_CALL, 1),
    ("first call, async", ASYNC_CALL, "boto3's first call", BOTO3_CALL, 1),
)


def measure() -> Iterator[Row]:
    with running_service(with_tls=False) as service, TemporaryDirectory() as folder:
        outside = {
            "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode")),
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": service.burst_url,
        }
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        plain.pop("PYTHONDONTWRITEBYTECODE", None)
        yield from _rows(service, plain | outside | SETTINGS, CASES, "")
        outside["HOME"] = _home(Path(folder))
        yield from _rows(service, plain | outside, CASES[2:], ", ~/.aws")


def _home(folder: Path) -> str:
    """A home directory with AWS's files, as `aws configure` writes them, with a few profiles."""
    files = folder / ".aws"
    files.mkdir()
    keys = "".join(f"{name.lower()} = {SETTINGS[name]}\n" for name in list(SETTINGS)[:2])
    others = [f"team-{number}" for number in range(10)]
    (files / "credentials").write_text(
        "".join(f"[{name}]\n{keys}" for name in ("default", *others))
    )
    profiles = "".join(f"[profile {name}]\nregion = us-west-2\n" for name in others)
    (files / "config").write_text(f"[default]\nregion = us-east-1\noutput = json\n{profiles}")
    return str(folder)


def _rows(
    service: Service,
    environment: Mapping[str, str],
    cases: tuple[tuple[str, str, str, str, int], ...],
    suffix: str,
) -> Iterator[Row]:
    calls = {code: count for _, ours, _, theirs, count in cases for code in (ours, theirs)}
    rounds = []
    for number in range(ROUNDS + 1):
        taken = {code: cpu_us(code, environment, service, calls[code]) for code in calls}
        if number:  # the first compiles
            rounds.append(taken)
    least = {code: min(taken[code] for taken in rounds) for code in calls}
    for name, ours, baseline, theirs, _ in cases:
        ratios = [taken[ours] / taken[theirs] for taken in rounds]
        ratio = least[ours] / least[theirs]
        yield Row(
            "cold start",
            f"{name}{suffix}",
            least[ours],
            baseline,
            least[theirs],
            ratio,
            min(ratios),
            max(ratios),
        )


def cpu_us(code: str, environment: Mapping[str, str], service: Service, calls: int) -> float:
    """CPU time of a new process that runs `code`, which makes so many calls."""
    answered = service.answered()
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or service.answered() - answered != calls:
        raise subprocess.CalledProcessError(process.returncode, command)
    return (used.ru_utime + used.ru_stime) * 1e6
