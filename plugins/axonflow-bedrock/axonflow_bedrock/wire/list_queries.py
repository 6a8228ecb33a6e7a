"""What a query asks of a list of Bedrock's control plane: filters and pages.

    GET /foundation-models?byProvider=meta&byOutputModality=TEXT
    GET /inference-profiles?type=SYSTEM_DEFINED&maxResults=100&nextToken=…

Source: service model of `bedrock`, API 2023-04-20; the words of refusals are those in which AWS's
services refuse a value that is outside of its enumeration.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from .endpoint import invalid_call

PAGE_SIZE = 100
MAX_RESULTS = 1000
MAKERS: Mapping[str, str] = {
    "anthropic": "Anthropic",
    "amazon": "Amazon",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "cohere": "Cohere",
}
"""First word of an id -> who the list says made the model."""


@frozen
class _Filter:
    """A member of the query that narrows the list of models."""

    member: str
    """The member of an entry that it is about."""
    values: tuple[str, ...] = ()
    """What may be asked for; empty: anything."""


_FILTERS: Mapping[str, _Filter] = {
    "byProvider": _Filter("providerName"),
    "byOutputModality": _Filter("outputModalities", ("TEXT", "IMAGE", "EMBEDDING")),
    "byInferenceType": _Filter("inferenceTypesSupported", ("ON_DEMAND", "PROVISIONED")),
    "byCustomizationType": _Filter(
        "customizationsSupported", ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION")
    ),
}
QUERY = (*_FILTERS, "type", "maxResults", "nextToken")
"""The members of a query that lists are made by."""
_TYPES = ("SYSTEM_DEFINED", "APPLICATION")


def models_asked_for(
    entries: Sequence[Mapping[str, Json]], query: Mapping[str, str]
) -> Sequence[Json]:
    """The entries of ListFoundationModels that pass its filters. It has no pages."""
    wishes = [
        (filter_.member, _one_of(filter_.values, query[name], name))
        for name, filter_ in _FILTERS.items()
        if name in query
    ]
    return [entry for entry in entries if all(_has(entry[key], wish) for key, wish in wishes)]


def _has(value: Json, wish: str) -> bool:
    """Whether a value of the entry has what the filter asks for; the API compares without case."""
    return wish in value if isinstance(value, list) else value.casefold() == wish.casefold()


def profiles_asked_for(entries: Sequence[Json], query: Mapping[str, str]) -> Json:
    """The answer of ListInferenceProfiles, of entries that the system defined: a page of them, and
    the token of the next."""
    kind = _one_of(_TYPES, query.get("type", "SYSTEM_DEFINED"), "typeEquals")
    found = entries if kind == "SYSTEM_DEFINED" else ()
    size, start = _size(query.get("maxResults", str(PAGE_SIZE))), _start(query.get("nextToken"))
    end = start + size
    more = {"nextToken": _token(end)} if end < len(found) else {}
    return {"inferenceProfileSummaries": list(found[start:end]), **more}


def _one_of(values: tuple[str, ...], given: str, name: str) -> str:
    """`given`; `ServiceException` where it is none of the values."""
    if values and given not in values:
        raise invalid_call(
            f"1 validation error detected: Value '{given[:64]}' at '{name}' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(values)}]"
        )
    return given


def _size(text: str) -> int:
    """`maxResults`, 1 to the maximum of the API; `ServiceException` for anything else."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_RESULTS:
        raise invalid_call(f"maxResults is a number from 1 to {MAX_RESULTS}.")
    return int(text)


def _token(start: int) -> str:
    """`nextToken`: an opaque string that holds where the next page starts."""
    return urlsafe_b64encode(f"from {start}".encode()).decode()


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        start = int(urlsafe_b64decode(token).removeprefix(b"from "))
    except ValueError:
        start = -1
    if start < 0:
        raise invalid_call("The provided nextToken is invalid.")
    return start
