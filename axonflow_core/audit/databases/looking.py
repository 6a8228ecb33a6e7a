"""A program that looks whether a file has some bytes: `python looking.py FILE`, with each text that
is looked for on its input, behind its length in four bytes. It ends with 0 where the file has none
of them, and with 1 where it has one.

The file is a database that SQLite has open in the process that asks. Whoever closes a file gives up
all locks of its process on it (POSIX, fcntl), so no process that has the database open may read the
file by itself.
"""

from __future__ import annotations

import sys
from mmap import ACCESS_READ, mmap
from pathlib import Path

READ_BYTES = 16_777_216


def has_any(path: Path, traces: list[bytes]) -> bool:
    """Whether one of `traces` is in the file."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        overlap = max(map(len, traces))
        for start in range(0, len(content), READ_BYTES):
            part = content[start : start + READ_BYTES + overlap]
            if any(trace in part for trace in traces):
                return True
    return False


def read_traces(data: bytes) -> list[bytes]:
    """The texts that stand in the input."""
    traces = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        traces.append(data[4:end])
        data = data[end:]
    return traces


if __name__ == "__main__":
    sys.exit(has_any(Path(sys.argv[1]), read_traces(sys.stdin.buffer.read())))
