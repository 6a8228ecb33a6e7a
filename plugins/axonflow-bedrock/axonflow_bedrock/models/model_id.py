"""Model identifiers: everything that Bedrock accepts as `modelId`, parsed into one `ModelId`.

    plain     vendor "." model                          anthropic.claude-3-haiku-20240307-v1:0
    profile   geo "." plain                             us.meta.llama3-1-70b-instruct-v1:0
    ARN       "arn:" partition ":bedrock:" region ":" account ":" kind "/" id
    name      anything without a dot                    a provisioned throughput by its bare name

A geography is recognised by its shape and by the known vendor that follows, and not from a list of
geographies: new ones keep appearing, and five clients have five different lists. A vendor is known
from a list, or because an installed codec claims its models. The kind of an ARN decides whether its
id contains the model. An id that an account generates (an application inference profile, an
imported model) does not: it is *opaque*, and the configuration names the family.

The parsed id decides which codec is used. It does not change what is sent: the id goes to Bedrock
as it was given.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn
from urllib.parse import quote, unquote

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen

MAX_LENGTH = 2048
"""Characters. Source: `InvokeModelIdentifier` of the bedrock-runtime service model, API
2023-09-30."""

VENDORS = frozenset(
    {
        *(
            "ai21",
            "amazon",
            "anthropic",
            "cohere",
            "deepseek",
            "google",
            "luma",
            "meta",
            "minimax",
            "mistral",
        ),
        *(
            "moonshot",
            "moonshotai",
            "nvidia",
            "openai",
            "qwen",
            "stability",
            "twelvelabs",
            "writer",
            "xai",
            "zai",
        ),
    }
)
"""The vendors in ids of foundation models, November 2026. A prefix is a geography only before one
of them."""


def vendors_of(codecs: CodecRegistry) -> frozenset[str]:
    """`VENDORS` and the vendors whose models an installed codec claims, as a third party's may."""
    return VENDORS | {
        prefix.partition(".")[0] for claim in codecs.claims for prefix in claim.models if prefix
    }


class Kind(StrEnum):
    """What an id or ARN addresses. The value is the resource type in the ARN."""

    FOUNDATION_MODEL = "foundation-model"
    INFERENCE_PROFILE = "inference-profile"
    APPLICATION_INFERENCE_PROFILE = "application-inference-profile"
    PROVISIONED_MODEL = "provisioned-model"
    IMPORTED_MODEL = "imported-model"
    CUSTOM_MODEL = "custom-model"
    CUSTOM_MODEL_DEPLOYMENT = "custom-model-deployment"
    PROMPT = "prompt"
    PROMPT_ROUTER = "prompt-router"
    DEFAULT_PROMPT_ROUTER = "default-prompt-router"
    SAGEMAKER_ENDPOINT = "endpoint"
    OTHER = "other"
    """An ARN of a kind unknown in November 2026; it is sent like any other."""


_KINDS = {kind.value: kind for kind in Kind}

_NAMES_ITS_MODEL = frozenset({Kind.FOUNDATION_MODEL, Kind.INFERENCE_PROFILE, Kind.CUSTOM_MODEL})
"""The kinds whose ARN contains the id of the base model. All others are opaque."""


@frozen(kw_only=True)
class ModelId:
    """A parsed model id. Fields that the id does not contain are None."""

    given: str
    """The id as it was given."""
    kind: Kind
    path_segment: str
    """The id as one segment of the URL's path, percent-encoded once: `:` is `%3A`, `/` is `%2F`."""
    base_id: str | None = None
    """Without geography, ARN and context suffix; None when the id is opaque."""
    vendor: str | None = None
    """The first word of the base id: `anthropic`."""
    geo: str | None = None
    """The geography of an inference profile: `us`, `eu`, `us-gov`, `global`, …"""
    partition: str | None = None
    region: str | None = None
    account: str | None = None

    @property
    def is_opaque(self) -> bool:
        """Whether the id does not contain its model, so that the configuration must name the
        family."""
        return self.base_id is None

    @property
    def is_bare(self) -> bool:
        """Whether it is a name without a dot and no ARN: one of provisioned throughput, or an id
        that lacks its vendor."""
        return self.kind is Kind.PROVISIONED_MODEL and self.partition is None

    def __str__(self) -> str:
        return self.given


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z0-9]+)*):(?P<service>[a-z]+):(?P<region>[^:/]*):"
    r"(?P<account>[^:/]*):(?P<rest>.+)"
)
_PROFILE = re.compile(r"(?P<geo>[a-z]{2,6}(?:-gov)?)\.(?P<plain>(?P<vendor>[a-z0-9]+)\..+)")
_CONTEXT = re.compile(r"(?P<id>.+?:[0-9]+):(?:[0-9]+k?|mm)")


def parse_model_id(text: str, vendors: frozenset[str] = VENDORS) -> ModelId:
    """Parse a model id or ARN. `RequestError` where Bedrock has no such form.

    An id that is already percent-encoded is decoded once, so that it is not encoded twice.
    `vendors` are the known first words of model ids; see `vendors_of`.
    """
    sent = unquote(text)
    _refuse_malformed(text, sent)
    if sent.startswith("arn:"):
        return _parse_arn(text, sent, vendors)
    if "/" in sent:
        _refuse_prefix(text, sent)
    return _describe(text, sent, sent, vendors, kind=None)


def _refuse_malformed(text: str, sent: str) -> None:
    """Raise for a wrong length and for characters that no id has."""
    if not 1 <= len(sent) <= MAX_LENGTH:
        raise RequestError(
            f"a model id has 1 to {MAX_LENGTH} characters, this one has {len(sent)}",
            hint="model: anthropic.claude-sonnet-4-20250514-v1:0, or another id of the Bedrock "
            "console",
        )
    if not _ID.fullmatch(sent):
        raise RequestError(
            f"{_shown(text)} is not a model id",
            hint="an id begins with a letter or digit and has only letters, digits and . _ - : "
            "(an ARN also /)",
        )


def _refuse_prefix(text: str, sent: str) -> NoReturn:
    """`RequestError` for a prefix of another program's, with the id and region that were meant."""
    # `bedrock/`, `converse/` and `bedrock/us-east-1/` are prefixes of other programs. Dropping one
    # would change the id silently, and ignore the region in it, which belongs in `region:`.
    *prefixes, rest = sent[: sent.find("arn:")].split("/") if "arn:" in sent else sent.split("/")
    meant = sent[sent.find("arn:") :] if "arn:" in sent else rest
    raise RequestError(
        f"{_shown(text)} is not a model id: Bedrock does not accept the prefix "
        f"{_shown('/'.join(prefixes) + '/')}",
        hint=f"model: {meant}"
        + "".join(f", region: {word}" for word in prefixes if _REGION.fullmatch(word)),
    )


_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]+")


def _parse_arn(text: str, arn: str, vendors: frozenset[str]) -> ModelId:
    """The model id in an ARN. `RequestError` for ARNs of other services or shapes."""
    match = _ARN.fullmatch(arn)
    kind, name = _resource(match["service"], match["rest"]) if match else (None, "")
    if not match or not kind or not name:
        raise RequestError(
            f"{_shown(text)} is not the ARN of a model",
            hint="arn:aws:bedrock:REGION:ACCOUNT:KIND/ID, where KIND is one of "
            + ", ".join(known for known in Kind if known is not Kind.OTHER),
        )
    where = {
        "partition": match["partition"],
        "region": match["region"] or None,
        "account": match["account"] or None,
    }
    return _describe(
        text, arn, name if kind in _NAMES_ITS_MODEL else None, vendors, kind=kind, **where
    )


def _resource(service: str, resource: str) -> tuple[Kind | None, str]:
    """The kind, and the id; for a custom model the id of its base model. (None, …) where service
    and kind do not match.
    """
    word, _, name = resource.partition("/")
    kind = _KINDS.get(word, Kind.OTHER)
    if service != ("sagemaker" if kind is Kind.SAGEMAKER_ENDPOINT else "bedrock"):
        return None, name
    # custom-model/BASE/ID: the base stands before the second slash.
    return kind, name.partition("/")[0] if kind is Kind.CUSTOM_MODEL else name


def _describe(
    text: str,
    sent: str,
    name: str | None,
    vendors: frozenset[str],
    *,
    kind: Kind | None,
    **where: str | None,
) -> ModelId:
    """`name` is the part that contains the model's id, None for an opaque ARN. Without a dot it has
    no vendor, so it is the name of a provisioned model.
    """
    encoded = quote(sent, safe="")
    if name is None or "." not in name:
        return ModelId(
            given=text, kind=kind or Kind.PROVISIONED_MODEL, path_segment=encoded, **where
        )
    geo, plain = _split_geo(name, vendors)
    return ModelId(
        given=text,
        kind=kind or (Kind.INFERENCE_PROFILE if geo else Kind.FOUNDATION_MODEL),
        path_segment=encoded,
        base_id=_without_context(plain),
        vendor=plain.partition(".")[0],
        geo=geo,
        **where,
    )


def _split_geo(name: str, vendors: frozenset[str]) -> tuple[str | None, str]:
    """(geography, rest) of a profile's id, (None, name) for a plain id."""
    match = _PROFILE.fullmatch(name)
    if match and match["vendor"] in vendors and match["geo"] not in vendors:
        return match["geo"], match["plain"]
    return None, name


def _without_context(plain: str) -> str:
    """The id without the suffix of a variant that is sold by provisioned throughput only: `:24k`,
    `:512`, `:mm`.
    """
    match = _CONTEXT.fullmatch(plain)
    if not match:
        return plain
    return _WITHOUT_REVISION.get(match["id"], match["id"])


_WITHOUT_REVISION = {"amazon.titan-embed-text-v1:2": "amazon.titan-embed-text-v1"}
"""Ids that have a revision in the variant and none in the model on demand."""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:120]}…")


# ── inference profiles ────────────────────────────────────────────────────────────────────────────

_GEOGRAPHIES = (
    ("us-gov-", ("us-gov",)),
    ("us-", ("us",)),
    ("ca-", ("ca", "us")),
    ("eu-", ("eu",)),
    ("ap-northeast-1", ("jp", "apac")),
    ("ap-northeast-3", ("jp", "apac")),
    ("ap-southeast-2", ("au", "apac")),
    ("ap-southeast-4", ("au", "apac")),
    ("ap-south-", ("in", "apac")),
    ("ap-", ("apac",)),
)
"""Prefix of a region -> geographies whose profiles can be called there, by public reports until
November 2026."""


def profile_candidates(model: ModelId, region: str | None) -> tuple[str, ...]:
    """Ids of inference profiles that may exist for `model`, the likeliest first. They are guesses:
    only AWS can list the real ones.

    Empty for a profile, for an opaque id, and where the region has no geography of its own: only
    `global.` would be left there, and leaving a geography is the operator's decision.
    """
    if model.kind is not Kind.FOUNDATION_MODEL or model.base_id is None or region is None:
        return ()
    return tuple(f"{geo}.{model.base_id}" for geo in geographies_of(region))


def geographies_of(region: str) -> tuple[str, ...]:
    """The geographies whose profiles can be called from a region, its own first; `global`, which
    every commercial region calls, is not among them."""
    return next((geos for prefix, geos in _GEOGRAPHIES if region.startswith(prefix)), ())


def is_callable_from(model: ModelId, region: str) -> bool:
    """Whether calls from `region` can name `model`, as far as its id says: an ARN in its own region
    alone, a profile of a geography where that is served. What an id does not say is left to
    AWS."""
    if model.region is not None:
        return model.region == region
    served = geographies_of(region)
    return model.geo in (None, "global") or not served or model.geo in served
