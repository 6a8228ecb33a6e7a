"""Model identifiers: every form of the reference, invented geographies, and what is no id at
all."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from axonflow_bedrock.families import titan
from axonflow_bedrock.models.model_id import (
    VENDORS,
    Kind,
    parse_model_id,
    profile_candidates,
    vendors_of,
)
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.errors import RequestError

PLAIN = [
    # id, base id, vendor
    (
        "anthropic.claude-3-haiku-20240307-v1:0",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "anthropic",
    ),
    ("anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6", "anthropic"),
    ("amazon.titan-text-express-v1", "amazon.titan-text-express-v1", "amazon"),
    ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1:0", "openai"),
    # dots in the model's own name
    ("deepseek.v3.2", "deepseek.v3.2", "deepseek"),
    ("zai.glm-4.7", "zai.glm-4.7", "zai"),
    ("minimax.minimax-m2.5", "minimax.minimax-m2.5", "minimax"),
    ("moonshotai.kimi-k2.5", "moonshotai.kimi-k2.5", "moonshotai"),
    ("openai.gpt-5.6-sol", "openai.gpt-5.6-sol", "openai"),
    # context suffixes
    ("amazon.nova-2-lite-v1:0:256k", "amazon.nova-2-lite-v1:0", "amazon"),
    ("amazon.nova-premier-v1:0:1000k", "amazon.nova-premier-v1:0", "amazon"),
    ("amazon.nova-premier-v1:0:mm", "amazon.nova-premier-v1:0", "amazon"),
    ("amazon.titan-embed-text-v1:2:8k", "amazon.titan-embed-text-v1", "amazon"),
    ("anthropic.claude-v2:1:18k", "anthropic.claude-v2:1", "anthropic"),
    ("anthropic.claude-v2:1", "anthropic.claude-v2:1", "anthropic"),
    ("cohere.embed-english-v3:0:512", "cohere.embed-english-v3:0", "cohere"),
    ("meta.llama3-1-70b-instruct-v1:0:128k", "meta.llama3-1-70b-instruct-v1:0", "meta"),
    # a typo is Bedrock's to refuse
    ("amazon.nova-micro-v1:O", "amazon.nova-micro-v1:O", "amazon"),
]

PROFILES = [
    ("us.anthropic.claude-sonnet-4-20250514-v1:0", "us", "anthropic.claude-sonnet-4-20250514-v1:0"),
    ("us-gov.anthropic.claude-haiku-5-5", "us-gov", "anthropic.claude-haiku-5-5"),
    ("global.moonshotai.kimi-k3", "global", "moonshotai.kimi-k3"),
    ("apac.amazon.nova-pro-v1:0", "apac", "amazon.nova-pro-v1:0"),
    ("jp.anthropic.claude-sonnet-4-6", "jp", "anthropic.claude-sonnet-4-6"),
    ("ca.amazon.nova-lite-v1:0", "ca", "amazon.nova-lite-v1:0"),
    ("in.anthropic.claude-sonnet-5", "in", "anthropic.claude-sonnet-5"),
    ("us.deepseek.v3.2", "us", "deepseek.v3.2"),
    ("us.amazon.nova-pro-v1:0:24k", "us", "amazon.nova-pro-v1:0"),
]

ARNS = [
    # ARN, kind, base id
    (
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1",
        Kind.FOUNDATION_MODEL,
        "anthropic.claude-v2:1",
    ),
    (
        "arn:aws:bedrock:::foundation-model/amazon.nova-pro-v1:0",
        Kind.FOUNDATION_MODEL,
        "amazon.nova-pro-v1:0",
    ),
    (
        "arn:aws:bedrock:us-east-1:012345678901:inference-profile/"
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        Kind.INFERENCE_PROFILE,
        "anthropic.claude-3-7-sonnet-20250219-v1:0",
    ),
    (
        "arn:aws-us-gov:bedrock:us-gov-west-1:012345678901:inference-profile/"
        "us-gov.amazon.nova-pro-v1:0",
        Kind.INFERENCE_PROFILE,
        "amazon.nova-pro-v1:0",
    ),
    (
        "arn:aws:bedrock:us-east-1:012345678901:custom-model/"
        "amazon.titan-text-lite-v1:0:4k/abcdefghijkl",
        Kind.CUSTOM_MODEL,
        "amazon.titan-text-lite-v1:0",
    ),
    (
        "arn:aws:bedrock:us-east-1:012345678901:application-inference-profile/a1metab2c3d4",
        Kind.APPLICATION_INFERENCE_PROFILE,
        None,
    ),
    (
        "arn:aws-cn:bedrock:cn-north-1:012345678901:provisioned-model/abcdefghijkl",
        Kind.PROVISIONED_MODEL,
        None,
    ),
    (
        "arn:aws:bedrock:us-east-1:012345678901:imported-model/abcdefghijkl",
        Kind.IMPORTED_MODEL,
        None,
    ),
    (
        "arn:aws-iso-b:bedrock:us-isob-east-1:012345678901:custom-model-deployment/abcdefghijkl",
        Kind.CUSTOM_MODEL_DEPLOYMENT,
        None,
    ),
    ("arn:aws:bedrock:us-east-1:012345678901:prompt/ABCDEFGHIJ:3", Kind.PROMPT, None),
    (
        "arn:aws:bedrock:us-east-1:012345678901:prompt-router/anthropic.claude:1",
        Kind.PROMPT_ROUTER,
        None,
    ),
    (
        "arn:aws-eusc:bedrock:eusc-de-east-1:012345678901:default-prompt-router/meta.llama:1",
        Kind.DEFAULT_PROMPT_ROUTER,
        None,
    ),
    (
        "arn:aws:sagemaker:us-east-1:767398002385:endpoint/endpoint-quick-start-idr7y",
        Kind.SAGEMAKER_ENDPOINT,
        None,
    ),
    ("arn:aws:bedrock:us-east-1:012345678901:kind-of-2027/anthropic.claude-9", Kind.OTHER, None),
]


@pytest.mark.parametrize(("text", "base_id", "vendor"), PLAIN)
def test_a_plain_id_is_read_up_to_its_context_suffix(text: str, base_id: str, vendor: str) -> None:
    model = parse_model_id(text)

    assert (model.base_id, model.vendor, model.geo, model.kind) == (
        base_id,
        vendor,
        None,
        Kind.FOUNDATION_MODEL,
    )


@pytest.mark.parametrize(("text", "geo", "base_id"), PROFILES)
def test_a_geography_before_a_vendor_makes_an_inference_profile(
    text: str, geo: str, base_id: str
) -> None:
    model = parse_model_id(text)

    assert (model.base_id, model.geo, model.kind) == (base_id, geo, Kind.INFERENCE_PROFILE)


@pytest.mark.parametrize(("text", "kind", "base_id"), ARNS)
def test_an_arn_says_by_its_kind_whether_it_names_its_model(
    text: str, kind: Kind, base_id: str | None
) -> None:
    model = parse_model_id(text)

    assert (model.kind, model.base_id, model.is_opaque) == (kind, base_id, base_id is None)
    assert model.partition == text.split(":")[1]
    assert model.region == (text.split(":")[3] or None)
    assert model.account == (text.split(":")[4] or None)


@pytest.mark.parametrize(
    "text", ["my-provisioned-model", "innovation_2", "claude-sonnet-4-5-20250929-v1:0"]
)
def test_a_name_without_a_dot_is_opaque_whatever_it_resembles(text: str) -> None:
    model = parse_model_id(text)

    assert (model.is_opaque, model.vendor, model.kind) == (True, None, Kind.PROVISIONED_MODEL)


@pytest.mark.parametrize("text", [row[0] for row in PLAIN + PROFILES + ARNS])
def test_an_id_is_kept_as_given_and_is_one_segment_of_the_path(text: str) -> None:
    model = parse_model_id(text)

    assert model.given == str(model) == text
    assert model.path_segment == text.replace(":", "%3A").replace("/", "%2F")


def test_an_encoded_id_is_decoded_once_and_not_encoded_twice() -> None:
    arn = "arn:aws:bedrock:us-east-1:012345678901:prompt/ABCDEFGHIJ"
    encoded = arn.replace(":", "%3A").replace("/", "%2F")

    model = parse_model_id(encoded)

    assert (model.given, model.kind, model.path_segment) == (encoded, Kind.PROMPT, encoded)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("bedrock/anthropic.claude-v2:1", "model: anthropic.claude-v2:1"),
        (
            "bedrock/us-east-1/anthropic.claude-v2:1",
            "model: anthropic.claude-v2:1, region: us-east-1",
        ),
        ("converse/us.amazon.nova-pro-v1:0", "model: us.amazon.nova-pro-v1:0"),
        (
            "bedrock/llama/arn:aws:bedrock:us-east-1:012345678901:imported-model/abcdefghijkl",
            "model: arn:aws:bedrock:us-east-1:012345678901:imported-model/abcdefghijkl",
        ),
    ],
)
def test_another_programs_prefix_is_an_error_that_says_what_to_write(text: str, fix: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_model_id(text)

    assert caught.value.hint == fix
    parse_model_id(fix.removeprefix("model: ").partition(",")[0])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "..",
            ".",
            "a b",
            "a\nb",
            "anthropic.claude\x00",
            "modèle.x",
            "?x=1",
            "a#b",
            "%25253A",
            "-x.y",
        ),
        *("anthropic.claude-v2 ", "model/../invoke", "x" * 2049, "anthropic.claude-sonnet-4-6[1m]"),
        *(
            "arn:aws:bedrock",
            "arn:aws:bedrock:us-east-1::foundation-model/",
            "arn:aws:sqs:us-east-1:012345678901:queue/x",
        ),
        *(
            "arn:aws:sagemaker:us-east-1:012345678901:imported-model/x",
            "arn:gcp:bedrock:us-east-1::foundation-model/a.b",
        ),
        "arn:aws:bedrock:us-east-1:012345678901:endpoint/x",
    ],
)
def test_what_is_no_id_is_refused_with_a_fix(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_model_id(text)

    assert caught.value.hint
    assert len(caught.value.message) < 300


def test_an_id_of_2048_characters_is_the_longest() -> None:
    assert parse_model_id("a." + "x" * 2046).base_id is not None


NAMES = st.from_regex(r"[a-z0-9]{1,8}([.-][a-z0-9]{1,8}){0,4}(:[0-9])?", fullmatch=True)
GEOS = st.one_of(
    st.sampled_from(["mx", "af", "moon-gov"]), st.from_regex(r"[a-z]{2,6}(-gov)?", fullmatch=True)
)


@given(geo=GEOS, vendor=st.sampled_from(sorted(VENDORS)), name=NAMES)
def test_a_geography_nobody_has_heard_of_leaves_the_base_id_as_it_is(
    geo: str, vendor: str, name: str
) -> None:
    assume(geo not in VENDORS)

    bare, profile = parse_model_id(f"{vendor}.{name}"), parse_model_id(f"{geo}.{vendor}.{name}")

    assert (profile.base_id, profile.vendor, profile.geo) == (bare.base_id, bare.vendor, geo)


@given(first=st.from_regex(r"[a-z]{2,10}", fullmatch=True), name=NAMES)
def test_before_a_vendor_nobody_knows_nothing_is_cut_off(first: str, name: str) -> None:
    assume(first not in VENDORS and name.partition(".")[0] not in VENDORS)

    model = parse_model_id(f"{first}.{name}")

    assert (model.base_id, model.vendor, model.geo) == (f"{first}.{name}", first, None)


def registry_of(*models: str) -> CodecRegistry:
    """The registry of an account where somebody else's codec serves `models`."""
    return CodecRegistry(
        [RegisteredCodec(evolve(titan.CODEC, models=models), "axonflow-bedrock-parrot", "1")]
    )


@given(geo=GEOS, vendor=st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True), name=NAMES)
def test_a_geography_stands_before_a_vendor_that_only_an_installed_codec_claims(
    geo: str, vendor: str, name: str
) -> None:
    assume(geo not in VENDORS | {vendor})
    vendors = vendors_of(registry_of(f"{vendor}.{name[:1]}"))

    bare, profile = (
        parse_model_id(f"{vendor}.{name}", vendors),
        parse_model_id(f"{geo}.{vendor}.{name}", vendors),
    )

    assert (profile.base_id, profile.vendor, profile.geo) == (bare.base_id, vendor, geo)
    assert (profile.kind, bare.geo) == (Kind.INFERENCE_PROFILE, None)


def test_without_that_codec_the_same_id_is_a_model_of_its_first_word() -> None:
    assert parse_model_id("us.acme.parrot-1").base_id == "us.acme.parrot-1"
    assert (
        parse_model_id("us.acme.parrot-1", vendors_of(registry_of("acme.parrot"))).base_id
        == "acme.parrot-1"
    )


@given(st.text(max_size=60))
def test_any_text_is_an_id_or_a_request_error(text: str) -> None:
    try:
        model = parse_model_id(text)
    except RequestError:
        return
    assert "/" not in model.path_segment
    assert ":" not in model.path_segment


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east-1", ("us.",)),
        ("us-gov-west-1", ("us-gov.",)),
        ("eu-central-1", ("eu.",)),
        ("ca-central-1", ("ca.", "us.")),
        ("ap-northeast-1", ("jp.", "apac.")),
        ("ap-northeast-2", ("apac.",)),
        ("ap-southeast-2", ("au.", "apac.")),
        ("ap-south-1", ("in.", "apac.")),
        ("sa-east-1", ()),
        (None, ()),
    ],
)
def test_profiles_are_suggested_within_the_geography_of_the_region(
    region: str | None, expected: tuple[str, ...]
) -> None:
    model = parse_model_id("anthropic.claude-sonnet-4-6")

    assert profile_candidates(model, region) == tuple(
        f"{geo}anthropic.claude-sonnet-4-6" for geo in expected
    )


@pytest.mark.parametrize(
    "text", ["us.anthropic.claude-sonnet-4-6", "my-provisioned-model", ARNS[5][0]]
)
def test_no_profile_is_suggested_for_a_profile_or_an_opaque_id(text: str) -> None:
    assert profile_candidates(parse_model_id(text), "us-east-1") == ()
