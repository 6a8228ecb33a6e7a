"""`python -m tests.bench [SECTION …] [--json] [--uvloop] [--tls]`: one table of all measurements,
each with its baseline of the same run, and the bar and the goal that the design sets."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from axonflow_core.json import dumps

from . import (
    audit,
    calls,
    codecs,
    cold,
    dialects,
    governed,
    instructions,
    policies,
    routing,
    server,
    transport,
)
from .rows import Row, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help="audit calls cold codecs dialects governed instructions policies routing server "
        "transport",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--uvloop", action="store_true", help="rows on uvloop, too")
    parser.add_argument("--tls", action="store_true", help="calls and streams over TLS")
    given = parser.parse_args()
    sections: Mapping[str, Callable[[], Iterator[Row]]] = {
        "audit": audit.measure,
        "calls": lambda: calls.measure(with_uvloop=given.uvloop, with_tls=given.tls),
        "cold": cold.measure,
        "codecs": codecs.measure,
        "dialects": dialects.measure,
        "governed": governed.measure,
        "instructions": instructions.measure,
        "policies": policies.measure,
        "routing": routing.measure,
        "server": server.measure,
        "transport": lambda: transport.measure(with_uvloop=given.uvloop),
    }
    unknown = set(given.sections) - sections.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(sections)}")
    rows = [one for name in given.sections or sections for one in sections[name]()]
    if given.json:
        run = _run() | {"uvloop": given.uvloop, "tls": given.tls}
        sys.stdout.write(dumps({**run, "rows": [one.as_json() for one in rows]}).decode() + "\n")
    else:
        sys.stdout.write(f"{' · '.join(_run().values())}\n\n{table(rows)}\n")


def _run() -> dict[str, str]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "boto3": f"boto3 {version('boto3')}",
        "machine": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    main()
