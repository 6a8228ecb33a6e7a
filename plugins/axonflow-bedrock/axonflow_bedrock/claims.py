"""What this package's codecs claim, so that only those that a model asks for are imported.

`claims.txt` has a line for each codec: the module of its plugin, its kind, its name, its surface,
prefixes of base ids; `*` is the empty prefix, which every id has. It is made from the codecs:

    python -m axonflow_bedrock.claims > claims.txt
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from axonflow_core.codec.registry import Claim, RegisteredCodec

PATH = Path(__file__).with_name("claims.txt")
_PACKAGE = "axonflow_bedrock."


def codec_claims() -> Mapping[str, Sequence[Claim]]:
    """Module of a codec plugin -> what its codecs claim."""
    claims: dict[str, list[Claim]] = defaultdict(list)
    for line in PATH.read_text("utf-8").splitlines():
        module, kind, name, surface, *models = line.split()
        prefixes = tuple("" if prefix == "*" else prefix for prefix in models)
        claims[_PACKAGE + module].append(Claim(kind, name, surface, prefixes))
    return claims


def lines_of(module: str, codecs: Sequence[RegisteredCodec]) -> Iterator[str]:
    """The lines of the codecs of one module."""
    for claim in (claim for codec in codecs for claim in codec.claims):
        prefixes = [prefix or "*" for prefix in claim.models]
        yield " ".join(
            (module.removeprefix(_PACKAGE), claim.kind, claim.name, claim.surface, *prefixes)
        )


def page() -> str:
    """The text of `claims.txt` for the codecs as they are."""
    from axonflow_core.plugins import CODECS, find_plugins, loaded_codecs

    ours = [found for found in find_plugins(f"{CODECS}bedrock") if found.value.startswith(_PACKAGE)]
    lines = (line for found in ours for line in lines_of(found.value, loaded_codecs(found)))
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
