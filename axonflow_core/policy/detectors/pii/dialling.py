"""What libphonenumber (the package `phonenumbers`) knows of telephone numbers: which ones have been
given, and in which groups people write them. Its metadata become regular expressions and a table of
groups, so that a text full of numbers costs little."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from axonflow_core.errors import ConfigError

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
_GROUP = re.compile(r"\((?:\\d|\[[^]]*\])(?:\{(\d+)(?:,(\d+))?\})?\)")


class _Region(NamedTuple):
    """How the numbers of a region look."""

    prefix: str
    """What people dial first within the region: 0. It is no part of the number."""
    number: re.Pattern[str]
    """A number that may have been given to somebody."""

    def has(self, digits: str) -> bool:
        """Whether the digits are a number, with the prefix or without."""
        forms = {digits, digits.removeprefix(self.prefix)}
        return any(self.number.fullmatch(form) for form in forms)


class Plans(NamedTuple):
    """The numbering plans of all regions."""

    regions: Mapping[str, _Region]
    by_sizes: Mapping[Sizes, Sequence[_Region]]
    """The sizes of groups -> the regions that write numbers in them."""

    def are_given(self, digits: str) -> bool:
        """Whether any region has the number."""
        return any(region.has(digits) for region in self.regions.values())

    def are_written(self, digits: str, sizes: Sizes) -> bool:
        """Whether a region has the number and writes it in groups of these sizes."""
        return any(region.has(digits) for region in self.by_sizes.get(sizes, ()))


@cache
def library() -> Any:
    """The package `phonenumbers`. It comes with the extra `server`; raises `ConfigError` where it
    is not installed."""
    try:
        import phonenumbers
    except ImportError:
        message = "policies need the package phonenumbers, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None
    return phonenumbers


@cache
def plans() -> Plans:
    """The plans of the regions, read from libphonenumber's metadata once."""
    regions: dict[str, _Region] = {}
    by_sizes: dict[Sizes, dict[str, _Region]] = {}
    for name in _REGIONS:
        metadata = library().PhoneMetadata.metadata_for_region(name)
        regions[name] = region = _region(metadata)
        for sizes in _sizes(metadata):
            by_sizes.setdefault(sizes, {})[name] = region
    return Plans(regions, {sizes: tuple(those.values()) for sizes, those in by_sizes.items()})


def is_international(text: str, *, may_be_free: bool) -> bool:
    """Whether a number with its country (`+44 …`) may have been given, or, where that is enough,
    could be: it is as long as the country's are."""
    phonenumbers = library()
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    is_one = phonenumbers.is_possible_number if may_be_free else phonenumbers.is_valid_number
    return bool(is_one(number))


def _region(metadata: Any) -> _Region:
    kinds = [getattr(metadata, kind) for kind in _KINDS]
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
    number = "|".join(f"(?:{pattern})" for pattern in patterns if pattern)
    return _Region(metadata.national_prefix or "", re.compile(number))


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
