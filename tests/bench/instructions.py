"""Instructions of a call and of a stream, counted by valgrind's callgrind: the same in every run,
on a busy machine too, where CPU time is not. Nothing is told of caches and of the kernel's work.

A process makes few calls and another one many; the difference is divided by that of their numbers,
so what a process pays once is no part of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from .callers import SETTINGS, asyncs, blockings, boto3s
from .rows import Row, Work, row
from .service import running_service

FEW, MANY = {"call": 32, "stream": 2}, {"call": 64, "stream": 8}
CASES = {
    "call": ("call, blocking", "call, async, 32 at once"),
    "stream": ("stream, blocking", "stream, async"),
}


def measure() -> Iterator[Row]:
    if shutil.which("valgrind") is None:
        sys.stderr.write("instructions: skipped, valgrind is not installed\n")
        return
    with running_service(with_tls=False) as service:
        for kind, names in CASES.items():
            baseline = _counted(f"boto3 {kind}", kind, service.burst_url)
            for name in names:
                ours = _counted(name, kind, service.burst_url)
                title = {"call": "invoke_model", "stream": "converse_stream"}[kind]
                yield row("instructions", f"{name}, instructions", title, [ours], [baseline], "kI")


def _counted(case: str, kind: str, url: str) -> float:
    """Thousands of instructions of one call or stream."""
    few, many = FEW[kind], MANY[kind]
    return (_of_process(case, many, url) - _of_process(case, few, url)) / (many - few) / 1e3


def _of_process(case: str, count: int, url: str) -> int:
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [*tool, sys.executable, "-m", __name__, case, str(count), url]
    environment = os.environ | SETTINGS | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = re.search(r"refs: *([\d,]+)", done.stderr)
    assert found is not None
    return int(found[1].replace(",", ""))


def _work(case: str, url: str, runner: asyncio.Runner) -> Work:
    if case.startswith("boto3 "):
        return boto3s(url)[case.removeprefix("boto3 ")]
    return (asyncs(url, runner) if "async" in case else blockings(url))[case]


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        _work(sys.argv[1], sys.argv[3], runner)(int(sys.argv[2]))
