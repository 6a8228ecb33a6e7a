"""Model identifiers: everything Bedrock accepts where it says `modelId`, read into one `ModelId`.

    plain     vendor "." model                          anthropic.claude-3-haiku-20240307-v1:0
    profile   geo "." plain                             us.meta.llama3-1-70b-instruct-v1:0
    ARN       "arn:" partition ":bedrock:" region ":" account ":" kind "/" id
    name      anything without a dot                    a provisioned throughput by its bare name

A geography is recognised by its shape before a known vendor, never by a list of geographies: those
keep appearing, and five clients keep five different lists. A vendor is known from a list, or
because an installed codec claims its models. An ARN says what it addresses by its kind alone. Where
the id of a kind was made up by an account (an application inference profile, an imported model)
nothing in it is read: it is *opaque*, and the operator names the family.

What is read decides which codec translates. It does not decide what is sent: the id goes to Bedrock
as it was given.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn
from urllib.parse import quote, unquote

from attrs import frozen

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import RequestError

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
"""First words of foundation-model ids, November 2026. Only before one of them does a prefix count
as a geography."""


def vendors_of(codecs: CodecRegistry) -> frozenset[str]:
    """`VENDORS`, and those whose models an installed codec claims: a third party may bring a vendor
    of its own."""
    return VENDORS | {
        prefix.partition(".")[0] for entry in codecs for prefix in entry.codec.models if prefix
    }


class Kind(StrEnum):
    """What is addressed, whether by id or by ARN. The value is the resource type of the ARN."""

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
    """An ARN of a kind that Bedrock did not have in November 2026; sent like any other."""


_KINDS = {kind.value: kind for kind in Kind}

_NAMES_ITS_MODEL = frozenset({Kind.FOUNDATION_MODEL, Kind.INFERENCE_PROFILE, Kind.CUSTOM_MODEL})
"""The kinds whose ARN holds the id of the base model. Of all others nothing is read."""


@frozen(kw_only=True)
class ModelId:
    given: str
    """As the user wrote it."""
    kind: Kind
    path_segment: str
    """The id as one segment of the URL's path, percent-encoded once: `:` is `%3A`, `/` is `%2F`."""
    base_id: str | None = None
    """Without geography, ARN and context suffix; None when the id is opaque."""
    vendor: str | None = None
    geo: str | None = None
    """`us`, `eu`, `us-gov`, `global`, … of an inference profile. No proof of where the data
    stays."""
    partition: str | None = None
    region: str | None = None
    account: str | None = None

    @property
    def is_opaque(self) -> bool:
        return self.base_id is None

    def __str__(self) -> str:
        return self.given


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z0-9]+)*):(?P<service>[a-z]+):(?P<region>[^:/]*):(?P<account>[^:/]*):(?P<rest>.+)"
)
_PROFILE = re.compile(r"(?P<geo>[a-z]{2,6}(?:-gov)?)\.(?P<plain>(?P<vendor>[a-z0-9]+)\..+)")
_CONTEXT = re.compile(r"(?P<id>.+?:[0-9]+):(?:[0-9]+k?|mm)")


def parse_model_id(text: str, vendors: frozenset[str] = VENDORS) -> ModelId:
    """Read `text`; `RequestError` when Bedrock has no such form.

    An id that was already percent-encoded is decoded once, so that it is not sent encoded twice.
    """
    sent = unquote(text)
    _refuse_nonsense(text, sent)
    if sent.startswith("arn:"):
        return _parse_arn(text, sent, vendors)
    if "/" in sent:
        _refuse_prefix(text, sent)
    return _describe(text, sent, sent, vendors, kind=None)


def _refuse_nonsense(text: str, sent: str) -> None:
    if not 1 <= len(sent) <= MAX_LENGTH:
        raise RequestError(
            f"a model id has 1 to {MAX_LENGTH} characters, this one has {len(sent)}",
            hint="model: anthropic.claude-sonnet-4-20250514-v1:0, or another id of the Bedrock "
            "console",
        )
    if not _ID.fullmatch(sent):
        raise RequestError(
            f"{_shown(text)} is not a model id",
            hint="an id begins with a letter or digit and holds only letters, digits and . _ - : "
            "(an ARN also /)",
        )


def _refuse_prefix(text: str, sent: str) -> NoReturn:
    # `bedrock/`, `converse/`, `bedrock/us-east-1/` belong to other programs. Dropping one would
    # change the id behind the user's back, and `bedrock/us-east-1/` says something that this
    # program takes from `region:`.
    *prefixes, rest = sent[: sent.find("arn:")].split("/") if "arn:" in sent else sent.split("/")
    meant = sent[sent.find("arn:") :] if "arn:" in sent else rest
    raise RequestError(
        f"{_shown(text)} is not a model id: Bedrock knows no prefix "
        f"{_shown('/'.join(prefixes) + '/')}",
        hint=f"model: {meant}"
        + "".join(f", region: {word}" for word in prefixes if _REGION.fullmatch(word)),
    )


_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]+")


def _parse_arn(text: str, arn: str, vendors: frozenset[str]) -> ModelId:
    match = _ARN.fullmatch(arn)
    kind, name = _resource(match["service"], match["rest"]) if match else (None, "")
    if not match or not kind or not name:
        raise RequestError(
            f"{_shown(text)} is not an ARN of a model",
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
    """The kind and, for a kind that names its model, the id in it."""
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
    """`name` is what may be read of the id; without a dot it names no vendor, and so no model."""
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
    match = _PROFILE.fullmatch(name)
    if match and match["vendor"] in vendors and match["geo"] not in vendors:
        return match["geo"], match["plain"]
    return None, name


def _without_context(plain: str) -> str:
    """Without `:24k`, `:512` or `:mm`, the suffix of a variant that is sold by provisioned
    throughput only."""
    match = _CONTEXT.fullmatch(plain)
    if not match:
        return plain
    return _WITHOUT_REVISION.get(match["id"], match["id"])


_WITHOUT_REVISION = {"amazon.titan-embed-text-v1:2": "amazon.titan-embed-text-v1"}
"""Where the variant has a revision and the model on demand has none."""


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
"""Prefix of a region -> geographies whose profiles can be called there. Seen in public reports
until November 2026."""


def profile_candidates(model: ModelId, region: str | None) -> tuple[str, ...]:
    """Ids of inference profiles that may hold `model`, the likeliest first. Guesses: AWS lists the
    true ones.

    None for what is a profile already, is opaque, or when the region has no geography of its own:
    only `global.` would be left there, and leaving a geography is the operator's decision.
    """
    if model.kind is not Kind.FOUNDATION_MODEL or model.base_id is None or region is None:
        return ()
    geos: tuple[str, ...] = next(
        (geos for prefix, geos in _GEOGRAPHIES if region.startswith(prefix)), ()
    )
    return tuple(f"{geo}.{model.base_id}" for geo in geos)
