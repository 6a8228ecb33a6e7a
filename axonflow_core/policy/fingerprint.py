"""What decides beside the configuration: the code and the data of this package, and libraries.

A record names its policy by a digest. Without this part two releases would have one digest for
decisions that differ.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("google-re2", "phonenumbers", "python-stdnum", "sqlglot")
"""The distributions that detectors decide with."""


@cache
def fingerprint() -> str:
    """A digest of every file of this package, and of the versions of the libraries."""
    total, root = sha256(), Path(__file__).parent
    for path in sorted(path for path in root.rglob("*") if _is_source(path)):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(sha256(path.read_bytes()).digest())
    for library in LIBRARIES:
        total.update(f"{library} {_version(library)}\0".encode())
    return total.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
