"""What decides beside the configuration: the code and the data of this package, and libraries.

A record names its policy by a digest. Without this part two releases would have one digest for
decisions that differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

LIBRARIES = ("google-re2", "phonenumbers", "python-stdnum", "sqlglot")
"""The distributions that detectors decide with."""


@cache
def fingerprint() -> str:
    """A digest of every file of this package, and of the versions of the libraries."""
    return digest_of(Path(__file__).parent, {name: _version(name) for name in LIBRARIES})


def digest_of(root: Path, versions: Mapping[str, str]) -> str:
    """A digest of every file below a folder, and of the versions of distributions."""
    total = sha256()
    for path in sorted(path for path in root.rglob("*") if _is_source(path)):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(sha256(path.read_bytes()).digest())
    for name, version in versions.items():
        total.update(f"{name} {version}\0".encode())
    return total.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def _version(library: str) -> str:
    try:
        return version_of(library)
    except PackageNotFoundError:
        return ""
