"""What libphonenumber (the package `phonenumbers`) knows of telephone numbers: which ones have been
given, and in which groups people write them. Its metadata become regular expressions and a table of
groups, so that a text full of numbers costs little."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from axonflow_core.errors import ConfigError

Sizes: TypeAlias = tuple[int, ...]
"""How many digits each group of a number has."""
HasNumber: TypeAlias = Callable[[str], object]
"""Whether a region has the number of these digits: None where it has not."""

_REGIONS = (
    "US GB IE AU NZ DE AT CH FR BE NL LU ES PT IT SE NO DK FI PL CZ SK HU RO BG GR HR SI EE LV LT "
    "TR IL ZA IN SG MY ID TH PH VN JP KR CN HK TW BR MX AR CL CO PE AE SA EG NG KE UA RU"
).split()
"""Where numbers are looked for that do not name their country."""
_KINDS = (
    "fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan voicemail"
).split()
_GROUP = re.compile(r"\((?:\\d|\[[^]]*\])(?:\{(\d+)(?:,(\d+))?\})?\)")


class Plans(NamedTuple):
    """The numbering plans of all regions: each says whether a number may have been given there."""

    regions: Sequence[HasNumber]
    by_sizes: Mapping[Sizes, Sequence[HasNumber]]
    """The sizes of groups -> the regions that write numbers in them."""

    def are_given(self, digits: str) -> bool:
        """Whether any region has the number."""
        return any(has(digits) for has in self.regions)

    def are_written(self, digits: str, sizes: Sizes) -> bool:
        """Whether a region has the number and writes it in groups of these sizes."""
        return any(has(digits) for has in self.by_sizes.get(sizes, ()))


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
    regions: dict[str, HasNumber] = {}
    by_sizes: dict[Sizes, dict[str, HasNumber]] = {}
    for name in _REGIONS:
        metadata = library().PhoneMetadata.metadata_for_region(name)
        pattern = f"(?:{metadata.national_prefix or ''})?(?:{_number(metadata)})"
        regions[name] = has = re.compile(pattern).fullmatch
        for sizes in _sizes(metadata):
            by_sizes.setdefault(sizes, {})[name] = has
    written = {sizes: tuple(those.values()) for sizes, those in by_sizes.items()}
    return Plans(tuple(regions.values()), written)


def is_international(digits: str) -> bool:
    """Whether a number with its country may have been given. The library takes some 200
    microseconds to say the same."""
    country, national = _read(digits)
    return country is not None and any(map(country.has, country.forms(national)))


def is_long_enough(digits: str) -> bool:
    """Whether a number with its country is as long as those of the country are."""
    country, national = _read(digits)
    return country is not None and any(
        len(form) in country.lengths for form in country.forms(national)
    )


def _read(digits: str) -> tuple[_Country | None, str]:
    """The country whose code the digits begin with, and the others."""
    for size in (1, 2, 3):
        if country := _country(digits[:size]):
            return country, digits[size:]
    return None, ""


class _Country(NamedTuple):
    """How the numbers of a country look that are written with its code."""

    prefix: re.Pattern[str]
    """What people add though the code stands there, and the library leaves out, or rewrites."""
    rewritten: str
    """As what, with references to the groups of `prefix`; empty where it is left out."""
    has: HasNumber
    lengths: Collection[int]
    """How many digits the numbers have."""

    def forms(self, national: str) -> Iterator[str]:
        """The digits behind the code in each of the ways in which the library reads them."""
        yield national
        if prefix := self.prefix.match(national):
            rest = national[prefix.end() :]
            yield rest
            if self.rewritten:
                yield prefix.expand(self.rewritten) + rest


@lru_cache(maxsize=1_024)
def _country(code: str) -> _Country | None:
    """The country with this code."""
    regions = library().COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    if not regions or code.startswith("0"):
        return None
    main, *others = (_metadata(region, code) for region in regions)
    numbers = "|".join(map(_number, (main, *others)))
    lengths = main.general_desc
    return _Country(
        re.compile(main.national_prefix_for_parsing or r"\Z"),
        main.national_prefix_transform_rule or "",
        re.compile(numbers).fullmatch,
        {*lengths.possible_length, *lengths.possible_length_local_only},
    )


def _metadata(region: str, code: str) -> Any:
    metadata = library().PhoneMetadata
    if region == "001":
        return metadata.metadata_for_nongeo_region(int(code))
    return metadata.metadata_for_region(region)


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
