"""Pictures and documents that went wrong with other clients of Bedrock, and what we send instead.

Each row names the public report or page that it is from, with the day on which it was read.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from axonflow_bedrock.config import BedrockConfig, SurfaceChoice
from axonflow_bedrock.models.profiles import Profiles
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.resolver import ModelResolver
from axonflow_bedrock.wire.choice import carry_on_converse
from axonflow_core.calls.route import Route
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import fit
from axonflow_core.media import DOCUMENT_FORMATS
from axonflow_core.messages import (
    Adjustment,
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Json,
    Media,
    user,
)
from axonflow_core.plugins import load_codecs

REGISTRY, MODELS = load_codecs("bedrock").registry, load_models()
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_3 = "us.anthropic.claude-3-5-sonnet-20241022-v2:0"
NOVA = "us.amazon.nova-pro-v1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
PIXTRAL = "us.mistral.pixtral-large-2502-v1:0"

JPEG, PNG, PDF = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"
DOCX = Media("base64", b"PK\x03\x04word/", DOCUMENT_FORMATS["docx"])
CSV = Media("base64", b"a,b\n1,2", "text/csv")


def sent(
    block: ContentBlock | list[Image] | list[Document], model: str, surface: str = "auto"
) -> tuple[str, Json, tuple[Adjustment, ...]]:
    """The surface, the native block and the report."""
    config = BedrockConfig(model=model, surface=SurfaceChoice(surface))
    profiles = Profiles(MODELS, is_on=False, residency=None)
    resolver = ModelResolver("bedrock", config, REGISTRY, MODELS, profiles)
    blocks = block if isinstance(block, list) else [block]
    request = CompletionRequest((user(["What is this?", *blocks]),))

    def prepared(request: CompletionRequest, route: Route) -> tuple[str, Any, Any]:
        fitted = fit(request, route.codec, route.facts)
        body: Json = route.codec.encode_request(fitted.request, route.facts)
        native = body if "prompt" in body else body["messages"][0]["content"][-1]
        return route.surface.name, native, fitted.adjustments

    own = resolver.chat()
    try:
        return prepared(request, own)
    except EncodeError as refusal:
        may_switch = surface == "auto"
        converse = resolver.converse(own)
        return carry_on_converse(refusal, request, own, converse, prepared, may_switch=may_switch)


def base64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize(
    ("model", "given", "native"),
    [
        # NousResearch/hermes-agent#55429, read 2026-11-29.
        (
            NOVA,
            Media("base64", "/9j/4AAQ", "image/jpg"),
            {"image": {"format": "jpeg", "source": {"bytes": "/9j/4AAQ"}}},
        ),
        (
            NOVA,
            Media("base64", JPEG),
            {"image": {"format": "jpeg", "source": {"bytes": base64(JPEG)}}},
        ),
        # ziatdinovmax/SciLink#382, 1jehuang/jcode#465, read 2026-11-29.
        (
            CLAUDE,
            Media("base64", JPEG),
            {
                "type": "image",
                "source": {"type": "base64", "data": base64(JPEG), "media_type": "image/jpeg"},
            },
        ),
        (
            CLAUDE,
            Media("base64", JPEG, "image/png"),
            {
                "type": "image",
                "source": {"type": "base64", "data": base64(JPEG), "media_type": "image/jpeg"},
            },
        ),
        (
            CLAUDE,
            Media("url", f"data:image/png;base64,{base64(PNG)}"),
            {
                "type": "image",
                "source": {"type": "base64", "data": base64(PNG), "media_type": "image/png"},
            },
        ),
        (
            PIXTRAL,
            Media("base64", JPEG, "image/jpg"),
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/jpeg;base64,{base64(JPEG)}"},
            },
        ),
    ],
)
def test_a_picture_is_labelled_as_what_it_is(model: str, given: Media, native: Json) -> None:
    assert sent(Image(given), model)[:2] == ("invoke", native)


# Anthropic, Vision: "On Amazon Bedrock and Google Cloud, only base64-encoded sources are currently
# available", read 2026-11-29; pollinations/pollinations#5862.
@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_3, LLAMA])
@pytest.mark.parametrize("given", [Media("url", "https://a.example/b"), Media("file", "file-1")])
@pytest.mark.parametrize("surface", ["auto", "invoke", "converse"])
def test_a_picture_that_bedrock_would_have_to_fetch_is_refused_with_how_to_mend(
    model: str, given: Media, surface: str
) -> None:
    with pytest.raises(EncodeError, match="cannot take the image: it is given as") as caught:
        sent(Image(given), model, surface)

    assert "bytes" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "given", [CSV, Media("text", "a,b\n1,2", "text/csv"), Media("base64", b"a,b\n1,2")]
)
def test_a_table_goes_to_claude_as_its_text(given: Media) -> None:
    """danny-avila/LibreChat#16054, read 2026-11-29."""
    surface, native, _ = sent(Document(given, name="t"), CLAUDE)

    text = {"type": "text", "media_type": "text/plain", "data": "a,b\n1,2"}
    assert (surface, native["source"]) == ("invoke", text)


@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
def test_an_office_file_goes_by_converse(model: str) -> None:
    """AWS user guide, API restrictions, read 2026-11-29."""
    surface, native, _ = sent(Document(DOCX, name="t"), model)

    assert (surface, native["document"]["format"]) == ("converse", "docx")


@pytest.mark.parametrize(
    ("model", "given"), [(CLAUDE, DOCX), (NOVA, Media("base64", PDF)), (NOVA, CSV), (LLAMA, CSV)]
)
def test_where_the_surface_is_fixed_the_hint_names_converse(model: str, given: Media) -> None:
    """ServAcuity/ServAcuity#254, read 2026-11-29: the hint was another family."""
    with pytest.raises(EncodeError) as caught:
        sent(Document(given, name="t"), model, "invoke")

    assert "surface: converse" in (caught.value.hint or "")
    assert "another family" not in (caught.value.hint or "")


def test_without_the_provider_the_hint_names_converse_too() -> None:
    config = BedrockConfig(model=NOVA, surface=SurfaceChoice.INVOKE)
    profiles = Profiles(MODELS, is_on=False, residency=None)
    own = ModelResolver("bedrock", config, REGISTRY, MODELS, profiles).chat()

    with pytest.raises(EncodeError) as caught:
        fit(CompletionRequest((user([Document(PDF)]),)), own.codec, own.facts)

    assert "surface: converse" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("model", "surface", "content", "why"),
    [
        # "image exceeds 5 MB maximum: 6737924 bytes > 5242880 bytes", aws/aws-sdk-js-v3#6785.
        (CLAUDE, "auto", Image(PNG + bytes(3_932_160)), "it has 3,932,168 bytes"),
        (LLAMA, "converse", Image(PNG + bytes(3_932_160)), "it has 3,932,168 bytes"),
        # "too many images and documents: 21 + 0 > 20", cline/cline#1844.
        (CLAUDE_3, "auto", [Image(PNG)] * 21, "21 images: it takes 20 in a request"),
        (CLAUDE, "invoke", [Image(PNG)] * 101, "101 images: it takes 100 in a request"),
        (LLAMA, "converse", [Image(PNG)] * 21, "21 images: it takes 20 in a message"),
        # AWS user guide, API restrictions: five documents, 4.5 MB, 100 pages of PDF for Claude.
        (NOVA, "auto", [Document(PDF, name=str(n)) for n in range(6)], "it takes 5 in a request"),
        (CLAUDE_3, "converse", Document(PDF + bytes(4_718_592)), "it has 4,718,600 bytes"),
        (NOVA, "auto", Document(Media("base64", b" " * 4_718_593, "text/csv")), "4,718,593 bytes"),
        (CLAUDE, "auto", Document(PDF + b"/Type /Page " * 101), "there are 101 pages"),
        # bedrock-runtime service model, shape Body.
        (NOVA, "auto", [Image(PNG + bytes(9_400_000))] * 2, "a request holds 25,000,000"),
        (NOVA, "auto", Image(PNG + b"\0\0\0\rIHDR\0\0\x1f\x41\0\0\0\1"), "8001 × 1 pixels"),
    ],
)
def test_too_many_and_too_large_are_refused_before_they_are_sent(
    model: str, surface: str, content: Any, why: str
) -> None:
    with pytest.raises(EncodeError, match=why):
        sent(content, model, surface)


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_large_pdf_is_taken_where_the_limit_is_not_for_it(model: str) -> None:
    """AWS user guide, API restrictions, read 2026-11-29."""
    assert sent(Document(PDF + bytes(4_718_592), name="t"), model, "converse")[0] == "converse"
