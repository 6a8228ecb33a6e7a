"""The model table: `models.json`, read once for each provider and opened model by model.

A line of the file is a model id as Bedrock Runtime takes it. An id with a geography is an inference
profile; its line says its price, and everything else is said by its model's line. Where the facts
come from, and of which day they are, stands at the head of the file. A price that nobody gave is
unknown, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen

PATH = Path(__file__).with_name("models.json")


class Status(StrEnum):
    ACTIVE = "active"
    LEGACY = "legacy"
    """Its end is announced; accounts that have not used it lately are refused."""
    END_OF_LIFE = "end of life"


@frozen(kw_only=True)
class Price:
    """USD per 1,000,000 tokens; None is unknown."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None


@frozen(kw_only=True)
class ModelEntry:
    base_id: str
    family: str
    """The table's own word for the line of models: `anthropic-messages`, `amazon-nova`."""
    body: str | None
    """The shape of InvokeModel's JSON; None where the table does not say."""
    mode: str | None
    """`chat`, `embedding`, `rerank`; None for a model of which only the lifecycle is known."""
    context_tokens: int | None
    output_tokens: int | None
    cache_minimum_tokens: int | None
    """The shortest prefix that is cached."""
    supports: Mapping[str, bool]
    """What is known to be there or not; a name that is missing is unknown."""
    is_sold_plain: bool
    """Whether the table has the id without a geography. It may still want a profile: see
    `rules.needs_profile`."""
    geographies: tuple[str, ...]
    """Those of its inference profiles, in the order of the alphabet."""
    status: Status
    """On the day of the table. What holds on another day says `status_on`."""
    legacy_from: date | None = None
    end_of_life: date | None = None
    """The first day on which it is gone."""
    _prices: Mapping[str | None, Mapping[str, Any]] = field(repr=False)
    _regional: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def price(self, geography: str | None = None, region: str | None = None) -> Price:
        """On demand, through the profile of `geography` or under the plain id; `region` counts for
        the plain id.

        The standard tier's. Some models ask more for long prompts, which is not told here.
        """
        told = self._prices.get(geography, {})
        if geography is None and region is not None:
            told = self._regional.get(region, told)
        return Price(**{name: told.get(name) for name in _PRICES})

    def status_on(self, today: date) -> Status:
        if self.status is Status.END_OF_LIFE or (
            self.end_of_life is not None and self.end_of_life <= today
        ):
            return Status.END_OF_LIFE
        if self.status is Status.LEGACY or (
            self.legacy_from is not None and self.legacy_from <= today
        ):
            return Status.LEGACY
        return Status.ACTIVE

    @property
    def vendor(self) -> str:
        return self.base_id.partition(".")[0]


_PRICES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class ModelTable:
    """The models by base id. Entries are made when they are asked for: the file is read in a
    millisecond or two."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.as_of = date.fromisoformat(told["as_of"])
        """The day on which every status was true."""
        self.sources: tuple[str, ...] = tuple(told["sources"])
        self._lines: Mapping[str, Mapping[str, Any]] = told["models"]
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
        """What is known of a model; None when nothing is."""
        line = self._lines.get(base_id or "")
        return (
            None
            if base_id is None or line is None or "profile_of" in line
            else self._entry(base_id, line)
        )

    def successor(self, entry: ModelEntry, today: date) -> ModelEntry | None:
        """The model to call instead of one whose life has ended or ends.

        The table names no successors, so this is a rule. Of the models of the same vendor and mode
        that outlive this one and are no older by the version in their name: an active one before a
        legacy one, a finished one before a preview, then the one that shares the most words of its
        name (`claude`, `sonnet`), then the newest.
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

    def _entry(self, base_id: str, line: Mapping[str, Any]) -> ModelEntry:
        entry = self._entries.get(base_id)
        if entry is None:
            entry = self._entries[base_id] = self._read(base_id, line)
        return entry

    def _read(self, base_id: str, line: Mapping[str, Any]) -> ModelEntry:
        geographies = {
            profile.removesuffix(f".{base_id}"): profile
            for profile in self._profiles.get(base_id, ())
        }
        lifecycle = line.get("lifecycle", {})
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
            geographies=tuple(sorted(geographies)),
            status=_status(lifecycle.get("status", "")),
            legacy_from=_day(lifecycle.get("legacy_from")),
            end_of_life=_day(lifecycle.get("eol")),
            prices={
                None: line.get("price_per_1m", {}),
                **{
                    geo: self._lines[profile].get("price_per_1m", {})
                    for geo, profile in geographies.items()
                },
            },
            regional={
                region: told["on_demand"]
                for region, told in line.get("regional_price_per_1m", {}).items()
            },
        )


def load_models(path: Path = PATH) -> ModelTable:
    """Reads the file anew; whoever builds a provider keeps the table."""
    return ModelTable(orjson.loads(path.read_bytes()))


def _status(told: str) -> Status:
    """The table tells how it knows (`EOL (indirect evidence)`); the first word is what it knows."""
    if told.startswith("EOL"):
        return Status.END_OF_LIFE
    return Status.LEGACY if told.startswith("LEGACY") else Status.ACTIVE


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


def _ends(entry: ModelEntry) -> date:
    """The day of its end; of a model that is gone since nobody knows when, the first day there
    is."""
    unknown = date.min if entry.status is Status.END_OF_LIFE else date.max
    return entry.end_of_life or unknown


# ── the order of succession ───────────────────────────────────────────────────────────────────────

_REVISION = re.compile(r"-(?:v\d+(?::\d+)?|\d+:\d+)$")
_SIZE = re.compile(r"[ae]?\d+(?:x\d+)?b")
_DAY = re.compile(r"\d{4}|\d{8}")
_NUMBERED = re.compile(r"([a-z]*)(\d+)")


@frozen
class _Name:
    """`claude-3-5-sonnet-20240620` is the words `claude` and `sonnet` with version 3.5."""

    words: frozenset[str]
    version: tuple[int, ...]
    day: str

    @classmethod
    def of(cls, base_id: str) -> _Name:
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


def _succession(own: _Name, other: ModelEntry, today: date) -> tuple[Any, ...]:
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
