"""`python -m tests.fuzz [N] [SEED] [TARGET …] [--from NUMBER]`: N mutations for each target, for a
slow one fewer.

Prints what came of them, by class of outcome, and every exception that is none of ours with the
command that repeats it. Ends with 1 where there was one.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from collections.abc import Callable

from .fuzzing import Found, fuzzed
from .targets import SLOW, TARGETS


def main(say: Callable[[str], object] = lambda line: sys.stdout.write(f"{line}\n")) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("count", nargs="?", type=int, default=1_000, metavar="N")
    parser.add_argument("seed", nargs="?", default="1")
    parser.add_argument("targets", nargs="*", default=[*TARGETS], metavar="TARGET")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="NUMBER")
    given = parser.parse_args()
    logging.disable()
    executions = exceptions = 0
    for name in given.targets:
        begin = time.perf_counter()
        count = -(-given.count // SLOW.get(name, 1))
        found = fuzzed(TARGETS[name](), f"{name} {given.seed}", count, first=given.first)
        say(_line(name, found, time.perf_counter() - begin))
        for finding in found.findings.values():
            again = f"1 {shlex.quote(given.seed)} {name} --from {finding.number}"
            say(f"\n{finding.times} times; python -m tests.fuzz {again}\n{finding.traceback}")
        executions += found.executions
        exceptions += sum(finding.times for finding in found.findings.values())
    say(f"\n{executions:,} executions, {exceptions:,} exceptions that are none of ours")
    return 1 if exceptions else 0


def _line(name: str, found: Found, took_s: float) -> str:
    outcomes = ", ".join(f"{times:,} {outcome}" for outcome, times in found.outcomes.most_common())
    return f"{name:<10} {found.executions:>10,} in {took_s:5.0f} s: {outcomes or 'none of ours'}"


if __name__ == "__main__":
    sys.exit(main())
