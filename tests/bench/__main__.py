"""`python -m tests.bench [calls|codecs]`: the measurements, each as a ratio to a baseline of the
same run."""

from __future__ import annotations

import sys


def main() -> None:
    chosen = sys.argv[1:] or ["codecs", "calls"]
    for name in chosen:
        if name == "codecs":
            from tests.bench.codecs import measure
        else:
            from tests.bench.calls import measure
        measure()


if __name__ == "__main__":
    main()
