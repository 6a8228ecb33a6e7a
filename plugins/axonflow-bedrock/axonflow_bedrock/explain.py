"""The details of a call for `axonflow explain call`, without making it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from axonflow_core.calls.route import Route
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.model_rules import ModelRule, both
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.frozen import frozen
from axonflow_core.http.client import HttpRequest
from axonflow_core.json import loads
from axonflow_core.messages import Adjustment, CompletionRequest
from axonflow_core.provider import Explanation

from .aws.credentials import Place
from .models import clock
from .models.fact_words import words_of
from .models.iam import statements_for
from .models.lifecycle import end_of, successor_id
from .models.model_id import Kind, ModelId
from .models.profiles import candidates, meant_id
from .models.rules import needs_profile, rules_of
from .models.table import ModelEntry, ModelTable

_SECRET_HEADERS = frozenset({"authorization", "x-amz-security-token"})
_SHOWN_CHARACTERS = 4


@frozen
class Known:
    """What is known of the model in addition to its id."""

    models: ModelTable
    entry: ModelEntry | None
    adjustments: tuple[Adjustment, ...] = ()
    """How this request was changed to suit the model."""
    rules: tuple[ModelRule, ...] = ()
    """What is known of the model and decided on that."""
    guardrail: str | None = None
    """The guardrail that every call names."""


def deciding_rules(
    request: CompletionRequest, route: Route, entry: ModelEntry | None, *, is_streamed: bool
) -> tuple[ModelRule, ...]:
    """The rules of the model that decide on the request: with these alone it is sent the same, and
    without one of them otherwise."""
    base_id, surface = route.facts.base_id, route.surface.name
    if not base_id:
        return ()

    def fitted(rules: tuple[ModelRule, ...]) -> Fitted | str:
        facts = ModelFacts(base_id=base_id, default_max_tokens=route.facts.default_max_tokens)
        for rule in rules:
            facts = both(facts, rule.facts)
        try:
            return fit(request, route.codec, facts, is_streamed=is_streamed)
        except EncodeError as refusal:
            return refusal.message

    rules = tuple(rules_of(entry.base_id if entry is not None else base_id, surface, entry))
    as_sent = fitted(rules)
    for rule in reversed(rules):
        others = tuple(other for other in rules if other is not rule)
        if fitted(others) == as_sent:
            rules = others
    return rules


def explanation_of(
    route: Route,
    request: HttpRequest,
    place: Place,
    identity_source: str,
    known: Known,
    *,
    is_streamed: bool,
) -> Explanation:
    """The explanation of a prepared `request`: facts, warnings, headers with credentials masked,
    body and IAM statements.

    `identity_source` is the text of `AwsSettings.identity_source`. Nothing is read from the
    network.
    """
    model: ModelId = route.address
    facts = {
        **dict(_facts(route, request, place, identity_source)),
        "guardrail": known.guardrail or "none",
    }
    return Explanation(
        facts={**facts, **dict(_table_facts(model, place, known))},
        rules=tuple(f"{'; '.join(words_of(rule.facts))} ({rule.source})" for rule in known.rules),
        warnings=(*_warnings(model, place, known), *map(str, known.adjustments)),
        url=request.url,
        headers={name: _masked(name, value) for name, value in request.headers.items()},
        body=loads(request.body),
        permissions=statements_for(
            model, place.region, is_streamed=is_streamed, guardrail=known.guardrail
        ),
    )


def _facts(
    route: Route, request: HttpRequest, place: Place, identity_source: str
) -> Iterator[tuple[str, str]]:
    """Label and value for everything that is known without the table."""
    model: ModelId = route.address
    yield "model", model.given
    yield "kind", model.kind
    yield "base model", model.base_id or "unknown: the id does not contain it"
    if model.geo:
        yield "geography", model.geo
    yield "family", route.codec.name
    yield "surface", route.surface.name
    yield "evidence", route.codec.evidence
    yield "region", f"{place.region} ({place.region_source})"
    yield "endpoint", place.endpoint_url
    yield "proxy", _host(request.network.proxy_url) if request.network.proxy_url else "none"
    yield "credentials", identity_source
    yield "attempts", f"{place.retries.max_attempts} ({place.retries.mode})"
    limits = request.timeouts
    yield (
        "time limits",
        (
            f"connect {limits.connect_s:g} s, first byte {limits.first_byte_s:g} s, idle "
            f"{limits.idle_s:g} s, total {limits.total_s:g} s"
        ),
    )


def _table_facts(model: ModelId, place: Place, known: Known) -> Iterator[tuple[str, str]]:
    """Label and value of the model table's facts."""
    entry = known.entry
    if entry is None:
        yield "limits", "unknown: the model table does not have this model"
        return
    yield (
        "limits",
        f"{_tokens(entry.context_tokens)} of context, {_tokens(entry.output_tokens)} of answer",
    )
    price = entry.price(model.geo, place.region)
    yield "price", f"{_dollars(price.input)} in, {_dollars(price.output)} out, per 1,000,000 tokens"
    yield "lifecycle", f"{entry.status_on(clock.today())}, as of {known.models.as_of}"
    if entry.geographies:
        yield "inference profiles", ", ".join(f"{geo}." for geo in entry.geographies)


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,} tokens"


def _dollars(price: float | None) -> str:
    return "unknown" if price is None else f"{price:g} USD"


def _warnings(model: ModelId, place: Place, known: Known) -> Iterator[str]:
    """What is probably not intended, or about to stop working."""
    near = meant_id(known.models, model, place.region, clock.today())
    if known.entry is None:
        yield from _unknown(model, near, known.models)
    if known.entry is not None:
        if known.entry.mode in _SILENT:
            yield f"{known.entry.base_id} {_SILENT[known.entry.mode]}: it does not answer prompts"
        yield from _end_of_life(known.models, known.entry, place.region)
    if model.region and model.region != place.region:
        yield f"the model's ARN is of {model.region}, but the call goes to {place.region}"
    named = candidates(model, place.region, known.entry)
    if named and near is None and model.kind is Kind.FOUNDATION_MODEL:
        if known.entry is not None and needs_profile(known.entry):
            yield (
                "this id is not offered on demand; call it through an inference profile: "
                f"{named[0]}"
            )
        elif known.entry is None or known.entry.geographies:
            yield (
                "if AWS refuses this id on demand, call it through an inference profile: "
                f"{named[0]}"
            )
    if place.retries.mode == "adaptive":
        yield "AWS_RETRY_MODE=adaptive is treated as `standard`: its rate limiter is boto3's own"
    for setting in place.unheeded:
        yield f"{setting} of the AWS client config is ignored"


def _unknown(model: ModelId, near: str | None, models: ModelTable) -> Iterator[str]:
    """A warning for a model that the table does not have; `near` is the id that it is like."""
    if model.base_id is None and not model.is_bare:
        return
    newest = models.newest_like(model.base_id)
    yield (
        f"the model table, of {models.as_of}, does not have {model.base_id or model.given}"
        + (f": it gets what {newest.base_id} has" if newest is not None else "")
        + (f"; did you mean `{near}`?" if near is not None else "")
    )


_SILENT = {"embedding": "is an embedding model", "rerank": "is a rerank model"}
"""Modes of models that do not hold conversations."""


def _end_of_life(models: ModelTable, entry: ModelEntry, region: str) -> Iterator[str]:
    """A warning for a model that has reached, or will reach, its end of life."""
    today = clock.today()
    end, successor = end_of(entry, today), successor_id(models, entry, region, today)
    if end is not None:
        yield end if successor is None else f"{end}; its successor is {successor}"


def _masked(name: str, value: str) -> str:
    """A header's value; of credentials and signatures only the last four characters."""
    if name.lower() not in _SECRET_HEADERS:
        return value
    return f"… {value[-_SHOWN_CHARACTERS:]}" if len(value) > 4 * _SHOWN_CHARACTERS else "…"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
