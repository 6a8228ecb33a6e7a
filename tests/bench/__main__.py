"""`python -m tests.bench [calls|codecs|cold|facade|transport]`: the measurements, each as a ratio
to a baseline of the same run."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    for name in sys.argv[1:] or ["codecs", "calls", "cold", "facade", "transport"]:
        import_module(f"tests.bench.{name}").measure()


if __name__ == "__main__":
    main()
