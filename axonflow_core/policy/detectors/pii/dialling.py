"""What libphonenumber (the package `phonenumbers`) knows of telephone numbers: which ones have been
given, and in which groups people write them. Its metadata become automata and a table of groups, so
that a text full of numbers costs little."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import cache
from itertools import product
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

from axonflow_core.errors import ConfigError
from axonflow_core.policy.patterns import (
    Possible,
    Whole,
    Within,
    capturing,
    whole_of,
    wholes_of,
    within,
)
from axonflow_core.policy.searches import Spans

Sizes: TypeAlias = tuple[int, ...]
"""How many digits each group of a number has."""

_REGIONS = (
    "US GB IE AU NZ DE AT CH FR BE NL LU ES PT IT SE NO DK FI PL CZ SK HU RO BG GR HR SI EE LV LT "
    "TR IL ZA IN SG MY ID TH PH VN JP KR CN HK TW BR MX AR CL CO PE AE SA EG NG KE UA RU"
).split()
"""Where numbers are looked for that do not name their country."""
_KINDS = (
    "fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan voicemail"
).split()
_NOWHERE: Set[int] = frozenset()
_REFERENCE = re.compile(rb"\\(\d)")
_GROUP = re.compile(r"\((?:\\d|\[[^]]*\])(?:\{(\d+)(?:,(\d+))?\})?\)")


class Plans(NamedTuple):
    """Which numbers may have been given, as digits: in all regions, and with the code of each
    country before them."""

    regions_of: Possible
    """Digits -> the regions that have the number, by their places in `_REGIONS`."""
    by_sizes: Mapping[Sizes, Set[int]]
    """The sizes of groups -> the regions that write numbers in them."""
    countries: Mapping[bytes, Country]
    """By their codes."""

    def are_given(self, digits: bytes) -> bool:
        """Whether any region has the number."""
        return bool(self.regions_of(digits))

    def are_written(self, digits: bytes, sizes: Sizes) -> bool:
        """Whether a region has the number and writes it in groups of these sizes."""
        return not self.by_sizes.get(sizes, _NOWHERE).isdisjoint(self.regions_of(digits))

    def is_international(self, digits: bytes) -> bool:
        """Whether a number with its country may have been given. The library takes some 200
        microseconds to say the same."""
        country, national = self._read(digits)
        return country is not None and country.has(national)

    def is_long_enough(self, digits: bytes) -> bool:
        """Whether a number with its country is as long as those of the country are."""
        country, national = self._read(digits)
        return country is not None and country.is_long(national)

    def _read(self, digits: bytes) -> tuple[Country | None, bytes]:
        """The country whose code the digits begin with, and the others."""
        for size in (1, 2, 3):
            if country := self.countries.get(digits[:size]):
                return country, digits[size:]
        return None, b""


class Country(NamedTuple):
    """How the numbers of a country look that are written with its code."""

    number: Whole
    """With the prefix that people add though the code stands there, or without it."""
    lengths: Collection[int]
    """How many digits the numbers have."""
    prefix: Within | None
    rewritten: bytes
    """What the library reads for the prefix, with a reference to a group of it; empty where it
    leaves the prefix out."""

    def has(self, national: bytes) -> bool:
        """Whether the number may have been given that has these digits behind the code."""
        if self.number(national):
            return True
        return bool(self.rewritten and self.number(self._without_prefix(national)))

    def is_long(self, national: bytes) -> bool:
        """Whether it is as long as those of the country are."""
        return len(national) in self.lengths or len(self._without_prefix(national)) in self.lengths

    def _without_prefix(self, national: bytes) -> bytes:
        """The digits as the library reads them."""
        if self.prefix is None:
            return national
        (start, end), *groups = self.prefix(national, 0, len(national))
        if start < 0:
            return national
        return (
            _REFERENCE.sub(lambda one: _group(national, groups, one), self.rewritten)
            + national[end:]
        )


@cache
def plans() -> Plans:
    """The plans of all regions and countries, read from libphonenumber's metadata once. Raises
    `ConfigError` where the package `phonenumbers` is not installed: it comes with the extra
    `server`."""
    with _READING, _forgetting("phonenumbers"):
        try:
            import phonenumbers
        except ImportError:
            message = "policies need the package phonenumbers, which is not installed"
            raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None
        return _plans(phonenumbers)


_READING = Lock()


@contextmanager
def _forgetting(package: str) -> Iterator[None]:
    """Forget the modules of a package that are imported meanwhile. Those of `phonenumbers` are 310,
    and hold 3 MB of metadata."""
    known = set(sys.modules)
    try:
        yield
    finally:
        for name in sys.modules.keys() - known:
            if name.partition(".")[0] == package:
                del sys.modules[name]


def _plans(library: Any) -> Plans:
    numbers = list[str]()
    by_sizes: dict[Sizes, set[int]] = {}
    for place, name in enumerate(_REGIONS):
        metadata = library.PhoneMetadata.metadata_for_region(name)
        numbers.append(f"(?:{metadata.national_prefix or ''})?(?:{_number(metadata)})")
        for sizes in _sizes(metadata):
            by_sizes.setdefault(sizes, set()).add(place)
    countries = {
        str(code).encode(): _country(_metadata(library.PhoneMetadata, code, regions))
        for code, regions in library.COUNTRY_CODE_TO_REGION_CODE.items()
    }
    return Plans(wholes_of(numbers), by_sizes, countries)


def _metadata(library: Any, code: int, regions: Sequence[str]) -> Sequence[Any]:
    """What the library knows of the regions that share the code of a country, or have none of their
    own: `001`."""
    if "001" in regions:
        return [library.metadata_for_nongeo_region(code)]
    return list(map(library.metadata_for_region, regions))


def _country(regions: Sequence[Any]) -> Country:
    """The country with these regions, of which the first is the main one."""
    numbers, main = "|".join(map(_number, regions)), regions[0]
    prefix, lengths = main.national_prefix_for_parsing or "", main.general_desc
    return Country(
        whole_of(f"(?:{prefix})?(?:{numbers})"),
        {*lengths.possible_length, *lengths.possible_length_local_only},
        within(capturing(rf"\A(?:{prefix})")) if prefix else None,
        (main.national_prefix_transform_rule or "").encode(),
    )


def _group(text: bytes, groups: Spans, reference: re.Match[bytes]) -> bytes:
    """The group of a match in `text` that is referred to; empty where it matched nothing."""
    start, end = groups[int(reference[1]) - 1]
    return text[start:end] if start >= 0 else b""


def _number(metadata: Any) -> str:
    """The pattern of a number that may have been given to somebody in a region."""
    kinds = [getattr(metadata, kind) for kind in _KINDS]
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
    return "|".join(f"(?:{pattern})" for pattern in patterns if pattern)


def _sizes(metadata: Any) -> Iterator[Sizes]:
    """The sizes of the groups in which numbers of a region are written, without the prefix, with it
    as a group of its own and as part of the first one."""
    prefix = len(metadata.national_prefix or "")
    for way in metadata.number_format:
        groups = _GROUP.findall(way.pattern)
        if len(groups) != way.pattern.count("("):
            continue
        ranges = [range(int(least or 1), int(most or least or 1) + 1) for least, most in groups]
        for sizes in product(*ranges):
            yield sizes
            if prefix:
                yield (prefix, *sizes)
                yield (prefix + sizes[0], *sizes[1:])
