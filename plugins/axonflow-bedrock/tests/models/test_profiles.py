"""A model that is not offered on demand, called again through an inference profile where the
operator allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import pytest

from axonflow_bedrock.config import BedrockConfig
from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.emulator.script import Account as AccountOfScript
from axonflow_bedrock.emulator.script import Script
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.profiles import Profiles, candidates
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.config import load_config, structure_provider_config
from axonflow_core.errors import ModelNotFound, ProfileRequired, RequestError
from axonflow_core.fitting import Unsupported
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.stream import assemble

OpenProvider: TypeAlias = Callable[..., AbstractAsyncContextManager[BedrockProvider]]
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
HELLO = CompletionRequest((user("Hello"),))
MODELS = load_models()


class Account:
    """An emulator in one region, and the models that were called there, one after the other."""

    def __init__(self, base_url: str, region: str, called: list[str]) -> None:
        self.where: Mapping[str, Any] = {"base_url": base_url, "region": region}
        self.called = called


@contextmanager
def account(region: str) -> Iterator[Account]:
    app, called = emulator(script=Script(account=AccountOfScript(region=region))).app, list[str]()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        called.append(unquote(scope["raw_path"].decode().split("/")[2]))
        await app(scope, receive, send)

    with Server(noting) as server:
        yield Account(server.base_url, region, called)


async def stream_text(provider: BedrockProvider, model: str) -> str:
    async with await provider.stream(HELLO, model=model) as stream:
        return assemble(
            [event for batch in [batch async for batch in stream] for event in batch]
        ).text


async def whole_text(provider: BedrockProvider, model: str) -> str:
    return (await provider.complete(HELLO, model=model)).text


@pytest.mark.parametrize("ask", [whole_text, stream_text])
async def test_the_call_succeeds_after_one_more_and_the_next_takes_one(
    open_provider: OpenProvider,
    ask: Callable[[BedrockProvider, str], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with account("us-east-1") as place:
        async with open_provider(**place.where, profile_fallback=True) as provider:
            assert await ask(provider, SONNET)
            assert place.called == [SONNET, f"us.{SONNET}"]
            assert await ask(provider, SONNET)
            assert place.called == [SONNET, f"us.{SONNET}", f"us.{SONNET}"]
    assert f"{SONNET} is called through us.{SONNET} from now on" in caplog.text


async def test_as_it_comes_the_id_is_sent_as_it_is_and_the_refusal_names_the_profile(
    open_provider: OpenProvider,
) -> None:
    with account("ap-northeast-1") as place:
        async with open_provider(**place.where) as provider:
            with pytest.raises(ProfileRequired) as caught:
                await provider.complete(HELLO, model=SONNET)
            assert place.called == [SONNET]
    assert caught.value.hint is not None and caught.value.hint.startswith(f"model: jp.{SONNET} ")


async def test_what_was_learned_of_one_model_says_nothing_of_another(
    open_provider: OpenProvider,
) -> None:
    with account("us-east-1") as place:
        async with open_provider(**place.where, profile_fallback=True) as provider:
            await provider.complete(HELLO, model=SONNET)
            await provider.complete(HELLO, model=LLAMA)
            assert place.called == [SONNET, f"us.{SONNET}", LLAMA, f"us.{LLAMA}"]


@pytest.mark.parametrize(
    "model",
    [
        f"us.{SONNET}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}",
        "amazon.titan-text-express-v1",
    ],
)
async def test_a_profile_an_arn_and_a_model_on_demand_are_called_as_they_are(
    open_provider: OpenProvider, model: str
) -> None:
    with account("us-east-1") as place:
        async with open_provider(**place.where, profile_fallback=True) as provider:
            try:
                await provider.complete(HELLO, model=model)
            except ProfileRequired:
                assert model.startswith("arn:")
            assert place.called == [model]


async def test_a_profile_that_is_refused_too_is_not_followed_by_a_third_call(
    open_provider: OpenProvider,
) -> None:
    """The profile that the operator's geography leads to is not one of this region."""
    with account("us-east-1") as place:
        async with open_provider(
            **place.where, profile_fallback=True, residency="us-gov"
        ) as provider:
            with pytest.raises(ModelNotFound):
                await provider.complete(HELLO, model=SONNET)
            assert place.called == [SONNET, f"us-gov.{SONNET}"]
            with pytest.raises(ModelNotFound):
                await provider.complete(HELLO, model=SONNET)
            assert len(place.called) == 4, "nothing was learned"


async def test_residency_chooses_the_profile_and_forbids_every_other(
    open_provider: OpenProvider,
) -> None:
    with account("eu-west-1") as place:
        async with open_provider(**place.where, profile_fallback=True, residency="eu") as provider:
            assert (await provider.complete(HELLO, model=SONNET)).text
            assert place.called == [SONNET, f"eu.{SONNET}"]
            for other in ("us", "global"):
                with pytest.raises(RequestError, match="only eu is allowed"):
                    await provider.complete(HELLO, model=f"{other}.{SONNET}")
            assert (await provider.complete(HELLO, model=f"eu.{SONNET}")).text
            assert len(place.called) == 3, "what is forbidden was not sent"


async def test_where_residency_leaves_no_profile_the_refusal_says_so(
    open_provider: OpenProvider,
) -> None:
    with account("eu-west-1") as place:
        async with open_provider(**place.where, profile_fallback=True, residency="eu") as provider:
            with pytest.raises(ProfileRequired) as caught:
                await provider.complete(HELLO, model=LLAMA)
            assert place.called == [LLAMA]
    assert "stays within `residency: eu`; there are profiles of us. only" in (
        caught.value.hint or ""
    )


@pytest.mark.parametrize(
    ("region", "model"), [("sa-east-1", SONNET), ("me-south-1", "anthropic.claude-opus-5")]
)
def test_the_geography_of_the_region_is_not_left_in_silence(region: str, model: str) -> None:
    """There is a profile for the whole world, and only the operator may choose it."""
    profiles = Profiles(MODELS, is_on=True, residency=None)
    refusal = ProfileRequired("refused")
    with pytest.raises(ProfileRequired) as caught:
        profiles.instead_of(parse_model_id(model), region, refusal)
    assert caught.value is refusal and "within the geography of the region" in (refusal.hint or "")


def test_a_call_in_canada_is_not_sent_to_the_united_states() -> None:
    profiles = Profiles(MODELS, is_on=True, residency=None)
    model = parse_model_id(SONNET)
    assert candidates(model, "ca-central-1", MODELS.entry(SONNET)) == (
        f"us.{SONNET}",
        f"ca.{SONNET}",
    )
    assert profiles.instead_of(model, "ca-central-1", ProfileRequired("refused")) == f"ca.{SONNET}"


async def test_the_whole_world_is_allowed_where_the_operator_names_it(
    open_provider: OpenProvider,
) -> None:
    with account("sa-east-1") as place:
        async with open_provider(
            **place.where, profile_fallback=True, residency="global"
        ) as provider:
            assert (await provider.complete(HELLO, model=SONNET)).text
            assert place.called == [SONNET, f"global.{SONNET}"]


def test_profiles_that_the_table_knows_come_before_guesses() -> None:
    old, new = "anthropic.claude-3-haiku-20240307-v1:0", SONNET
    assert candidates(parse_model_id(old), "ap-northeast-1", MODELS.entry(old)) == (
        f"apac.{old}",
        f"jp.{old}",
    )
    assert candidates(parse_model_id(new), "ap-northeast-1", MODELS.entry(new)) == (
        f"jp.{new}",
        f"apac.{new}",
    )
    assert candidates(parse_model_id(new), "ap-northeast-1", None) == (f"jp.{new}", f"apac.{new}")


@pytest.mark.parametrize(("word", "is_on"), [("on", True), ("off", False), ("true", True)])
def test_the_yaml_turns_it_on_and_off(word: str, is_on: bool, tmp_path: Path) -> None:
    path = tmp_path / "axonflow.yaml"
    path.write_text(f"""\
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    config: {{region: us-east-1, profile_fallback: {word}, residency: eu, unsupported: error}}
""")
    settings = structure_provider_config(load_config(path).providers["bedrock"], BedrockConfig)
    assert (settings.profile_fallback, settings.residency) == (is_on, "eu")
    assert settings.unsupported is Unsupported.ERROR


def test_what_is_learned_is_bounded() -> None:
    profiles = Profiles(MODELS, is_on=True, residency=None)
    for number in range(2000):
        profiles.learn(
            parse_model_id(f"anthropic.claude-{number}"),
            "us-east-1",
            f"us.anthropic.claude-{number}",
        )
    learned = [
        profiles.learned(parse_model_id(f"anthropic.claude-{number}"), "us-east-1")
        for number in range(2000)
    ]
    assert sum(profile is not None for profile in learned) == 1024
    assert profiles.learned(parse_model_id("anthropic.claude-1"), "eu-west-1") is None
