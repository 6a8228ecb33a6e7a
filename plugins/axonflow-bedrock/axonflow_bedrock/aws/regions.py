"""The regions that AWS has, as far as the installed botocore knows, and the form of every region.

New regions appear more often than botocore is renewed, so a region that is not known may exist. One
that has not even the form of a region cannot.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import orjson

from axonflow_core.nearest import nearest

_FORM = re.compile("[a-z]{2,5}(-[a-z]+)*-(central|(north|south)(east|west)?|east|west)-[0-9]{1,2}")
"""An area, a direction and a number: the form of all regions in botocore's `partitions.json`,
1.43."""


def is_region(text: str) -> bool:
    """Whether `text` has the form of a region."""
    return _FORM.fullmatch(text) is not None


@cache
def known_regions() -> frozenset[str]:
    """Every region of every partition, from botocore's data; none where it is not installed."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        return frozenset()
    table = orjson.loads(
        Path(spec.origin).with_name("data").joinpath("partitions.json").read_bytes()
    )
    names = (name for partition in table["partitions"] for name in partition["regions"])
    return frozenset(filter(is_region, names))


def hint_for(text: str) -> str:
    """What to write instead of a region that is none, or not known."""
    near = nearest(text, known_regions())
    return f"did you mean `{near}`?" if near else "regions look like us-east-1"
