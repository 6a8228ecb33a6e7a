"""The model table: `models.json`, read once for each provider and parsed model by model.

Each line of the file is a model id as Bedrock Runtime accepts it. An id with a geography is an
inference profile; its line has its price, and its model's line everything else. The head of the
file has the sources and the date. A price that is not in the sources is unknown, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest
from axonflow_core.provider import Price

PATH = Path(__file__).with_name("models.json")
"""The generated table."""


class Status(StrEnum):
    """Where a model is in its lifecycle."""

    ACTIVE = "active"
    LEGACY = "legacy"
    """The end of life is announced; accounts that have not used the model lately are refused."""
    END_OF_LIFE = "end of life"


@frozen(kw_only=True)
class ModelEntry:
    """The facts about one model; None is unknown. Limits are in tokens."""

    base_id: str
    family: str
    """The table's own name for the line of models: `anthropic-messages`, `amazon-nova`."""
    body: str | None
    """The form of InvokeModel's JSON; None where unknown."""
    mode: str | None
    """`chat`, `embedding`, `rerank`, …; None where only the lifecycle is known."""
    context_tokens: int | None
    """The limit of the prompt."""
    output_tokens: int | None
    """The limit of an answer."""
    cache_minimum_tokens: int | None
    """The shortest prefix that is cached, in tokens."""
    supports: Mapping[str, bool]
    """Feature -> whether the model has it; an absent feature is unknown."""
    is_sold_plain: bool
    """Whether the table has a price for the id without a geography. The model may still need a
    profile: see `rules.needs_profile`."""
    geographies: tuple[str, ...]
    """The geographies of its inference profiles, in alphabetical order."""
    has_ended: bool = False
    """Whether it has ended on a day that no source names."""
    legacy_from: date | None = None
    end_of_life: date | None = None
    """The first day on which it cannot be called."""
    _prices: Mapping[str | None, Mapping[str, Any]] = field(repr=False)
    _regional: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def price(self, geography: str | None = None, region: str | None = None) -> Price:
        """The on-demand price of the standard tier, through the profile of `geography` or, without
        one, under the plain id in `region`. Higher prices for long prompts are not included.
        """
        prices = self._prices.get(geography, {})
        if geography is None and region is not None:
            prices = self._regional.get(region, prices)
        return Price(**{name: prices.get(name) for name in _PRICES})

    def status_on(self, today: date) -> Status:
        """The status on a day, by the announced dates. A model whose end alone is announced is
        legacy for the last six months: AWS announces an end at least that long before it (user
        guide, Model lifecycle, May 2026)."""
        end = self.end_of_life
        if self.has_ended or (end is not None and end <= today):
            return Status.END_OF_LIFE
        legacy_from = self.legacy_from or (None if end is None else end - _LEAST_LEGACY)
        if legacy_from is not None and legacy_from <= today:
            return Status.LEGACY
        return Status.ACTIVE

    @property
    def vendor(self) -> str:
        """The first word of the base id: `anthropic`."""
        return self.base_id.partition(".")[0]


_LEAST_LEGACY = timedelta(days=183)
_PRICES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class ModelTable:
    """The models by base id; iterating gives every `ModelEntry`. Entries are built on first use, so
    that reading the file takes a millisecond or two.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.as_of = date.fromisoformat(table["as_of"])
        """The day on which it was made."""
        self.sources: tuple[str, ...] = tuple(table["sources"])
        self._lines: Mapping[str, Mapping[str, Any]] = table["models"]
        self._profiles: dict[str, list[str]] = {}
        self._entries: dict[str, ModelEntry] = {}
        for model_id, line in self._lines.items():
            if (base_id := line.get("profile_of")) is not None:
                self._profiles.setdefault(base_id, []).append(model_id)

    def __iter__(self) -> Iterator[ModelEntry]:
        for model_id, line in self._lines.items():
            if "profile_of" not in line:
                yield self._entry(model_id, line)

    def entry(self, base_id: str | None) -> ModelEntry | None:
        """The entry of a base id; None where the table has none, or for a profile's id."""
        line = self._lines.get(base_id or "")
        return (
            None
            if base_id is None or line is None or "profile_of" in line
            else self._entry(base_id, line)
        )

    def newest_like(self, base_id: str | None) -> ModelEntry | None:
        """The entry to go by where the table has none for a chat model: that of the model with the
        same words and version in its name; else the newest of its line, unless the id says a
        version above all of it; else the newest of its vendor, the nearest by its words. None where
        the vendor is unknown."""
        if base_id is None:
            return None
        own, vendor = _Name.of(base_id), base_id.partition(".")[0]
        kin = [entry for entry in self if entry.vendor == vendor and entry.mode == "chat"]
        return max(kin, key=lambda entry: _kinship(own, entry), default=None)

    def successor(self, entry: ModelEntry, today: date) -> ModelEntry | None:
        """The model to call instead of one that has reached, or reaches, its end of life; None
        where there is none.

        The sources name no successors, so this is a heuristic. Of the models of the same vendor and
        mode that live longer and have no lower version in their name: active before legacy,
        released before preview, then the one with most words of the name in common (`claude`,
        `sonnet`), then the newest.
        """
        own = _Name.of(entry.base_id)
        heirs = [
            other
            for other in self
            if (other.vendor, other.mode) == (entry.vendor, entry.mode)
            and other.status_on(today) is not Status.END_OF_LIFE
            and _ends(other) > _ends(entry)
            and _Name.of(other.base_id).version >= own.version
        ]
        return max(heirs, key=lambda other: _succession(own, other, today), default=None)

    def nearest(self, base_id: str, today: date) -> ModelEntry | None:
        """The model whose id, or a part of it that people write for it, is most similar to one that
        the table does not have; one that lives, where one is similar. None where none is."""
        every = [(name, entry) for entry in self for name in _names_of(entry.base_id)]
        living = [pair for pair in every if pair[1].status_on(today) is not Status.END_OF_LIFE]
        for named in (dict(living), dict(every)):
            if (name := nearest(base_id, named)) is not None:
                return named[name]
        return None

    def _entry(self, base_id: str, line: Mapping[str, Any]) -> ModelEntry:
        entry = self._entries.get(base_id)
        if entry is None:
            entry = self._entries[base_id] = self._read(base_id, line)
        return entry

    def _read(self, base_id: str, line: Mapping[str, Any]) -> ModelEntry:
        """The entry of a line, with the prices of its profiles' lines."""
        lifecycle, prices = line.get("lifecycle", {}), self._prices_of(base_id, line)
        return ModelEntry(
            base_id=base_id,
            family=line["family"],
            body=line.get("body"),
            mode=line.get("mode"),
            context_tokens=line.get("max_input_tokens"),
            output_tokens=line.get("max_output_tokens"),
            cache_minimum_tokens=line.get("prompt_cache_min_tokens"),
            supports=line.get("supports", {}),
            is_sold_plain=line.get("is_sold_plain", True),
            geographies=tuple(sorted(geo for geo in prices if geo is not None)),
            has_ended=lifecycle.get("has_ended", False),
            legacy_from=_day(lifecycle.get("legacy_from")),
            end_of_life=_day(lifecycle.get("eol")),
            prices=prices,
            regional={
                region: prices["on_demand"]
                for region, prices in line.get("regional_price_per_1m", {}).items()
            },
        )

    def _prices_of(
        self, base_id: str, line: Mapping[str, Any]
    ) -> dict[str | None, Mapping[str, Any]]:
        """Geography of a profile, or None for the plain id -> its prices."""
        prices: dict[str | None, Mapping[str, Any]] = {None: line.get("price_per_1m", {})}
        for profile in self._profiles.get(base_id, ()):
            geography = profile.removesuffix(f".{base_id}")
            prices[geography] = self._lines[profile].get("price_per_1m", {})
        return prices


def load_models(path: Path = PATH) -> ModelTable:
    """Read and return the table. Each call reads the file again: keep the result."""
    return ModelTable(orjson.loads(path.read_bytes()))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _ends(entry: ModelEntry) -> date:
    """The day of its end of life: `date.min` where it has ended on an unknown day, `date.max` where
    none is announced.
    """
    unknown = date.min if entry.has_ended else date.max
    return entry.end_of_life or unknown


# ── the order of succession ───────────────────────────────────────────────────────────────────────

_ISSUE = re.compile(r"(-\d{8})?(-v\d+)?(:\d+)?$")


def _names_of(base_id: str) -> Iterator[str]:
    """The id, and what people write who leave out its vendor, its day and revision, or both."""
    for name in (base_id, base_id.partition(".")[2]):
        yield from (_ISSUE.sub("", name), name)


_REVISION = re.compile(r"-(?:v\d+(?::\d+)?|\d+:\d+)$")
_SIZE = re.compile(r"[ae]?\d+(?:x\d+)?b")
_DAY = re.compile(r"\d{4}|\d{8}")
_NUMBERED = re.compile(r"([a-z]*)(\d+)")


@frozen
class _Name:
    """The parts of a model's name: `claude-3-5-sonnet-20240620` has the words `claude` and
    `sonnet`, version (3, 5) and day 20240620.
    """

    words: frozenset[str]
    version: tuple[int, ...]
    day: str

    @classmethod
    def of(cls, base_id: str) -> _Name:
        """Split a base id at `-` and `.`: dates, version numbers and words; sizes such as `70b` are
        ignored."""
        words, version, day = set[str](), list[int](), ""
        for part in re.split(r"[-.]", _REVISION.sub("", base_id.partition(".")[2])):
            if _DAY.fullmatch(part):
                day = part
            elif numbered := _NUMBERED.fullmatch(part):
                words |= {numbered[1]} - {""}
                version.append(int(numbered[2]))
            elif not _SIZE.fullmatch(part):
                words.add(part)
        return cls(frozenset(words), tuple(version), day)


def _kinship(own: _Name, entry: ModelEntry) -> tuple[Any, ...]:
    """The sort key of a model to go by in place of one that is not in the table."""
    name = _Name.of(entry.base_id)
    is_same = (own.words, own.version) == (name.words, name.version)
    is_finished = "preview" not in name.words
    is_of_line = own.words <= name.words and own.version <= name.version
    in_common = len(own.words & name.words)
    return is_same, is_finished, is_of_line, name.version, in_common, name.day, entry.base_id


def _succession(own: _Name, other: ModelEntry, today: date) -> tuple[Any, ...]:
    """The sort key of a possible successor: the larger, the better."""
    name = _Name.of(other.base_id)
    is_finished = "preview" not in name.words
    is_active = other.status_on(today) is Status.ACTIVE
    return (
        is_active,
        is_finished,
        len(own.words & name.words),
        name.version,
        name.day,
        other.base_id,
    )
