"""Calls: what is sent, what a receipt reports, and what a runtime hands to its providers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
import pytest
import toy_chat
from attrs import evolve
from toy import PROMPT, VECTORS
from toy_upstream import ANSWER, CHUNKS, ROUTE, Delayed, ToyService, scripted, streamed

from axonflow_core import waiting
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.calls.call import Caller
from axonflow_core.calls.retries import Retries
from axonflow_core.calls.route import Call, CompletionCall, Route, UnaryRoute
from axonflow_core.calls.settings import CommonSettings, ControlTokens
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import Config, ProviderConfig, load_config
from axonflow_core.errors import (
    ConfigError,
    DecodeError,
    InvalidCall,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    Unavailable,
)
from axonflow_core.framing.sse import encode_event
from axonflow_core.http.client import ByteStream, HttpRequest, Timeouts
from axonflow_core.json import dumps
from axonflow_core.messages import CompletionRequest, FailedAttempt, Inference, user
from axonflow_core.plugin_spec import Services
from axonflow_core.plugins import PROVIDERS, find_plugins
from axonflow_core.provider import NativeCall
from axonflow_core.retrieval import EmbeddingRequest, Ranking, RerankRequest
from axonflow_core.runtime import Runtime
from axonflow_core.testing import MockAnswer, MockTransport, json_answer
from axonflow_core.testing.provider_laws import ANSWER as SAID

HI = CompletionRequest((user("hi"),))


# ── a call ────────────────────────────────────────────────────────────────────────────────────────


IN_BAND = {"error": {"message": "Not this", "type": "invalid_request_error", "code": None}}


def in_band() -> list[MockAnswer]:
    """The same error as a status, as a whole answer, and as the chunk of a stream."""
    head = {"content-type": "text/event-stream", "x-request-id": "r-1"}
    return [
        json_answer(IN_BAND, status=400, headers={"x-request-id": "r-1"}),
        json_answer(IN_BAND, headers={"x-request-id": "r-1"}),
        MockAnswer(headers=head, reads=[encode_event(dumps(IN_BAND).decode())]),
    ]


async def test_an_error_is_the_same_in_a_status_a_whole_answer_and_a_stream() -> None:
    answers = iter(in_band())
    network = MockTransport(lambda request: next(answers))
    hinted = toy_chat.spec(change=lambda api, _: evolve(api, hint=lambda error: error.code))
    services = Services(
        name="toy", client=network, codecs=CodecRegistry(), credentials={"api_key": "k"}
    )
    provider = hinted.create(toy_chat.ToyChatConfig(), services)

    errors = []
    for ask in (provider.complete, provider.complete, provider.stream):
        with pytest.raises(InvalidCall) as raised:
            await ask(HI)
        errors.append({**vars(raised.value), "status": None})

    assert errors[0] == errors[1] == errors[2]
    assert errors[0]["message"] == "Not this"
    assert (errors[0]["request_id"], errors[0]["hint"]) == ("r-1", "invalid_call")


async def test_the_body_is_the_codecs_and_the_way_is_the_surfaces() -> None:
    caller, network, _ = scripted([ANSWER, streamed(*CHUNKS)])

    await caller.complete(caller.prepare(HI, ROUTE))
    await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))

    whole, stream = network.requests
    assert whole.body == b'{"turns":[{"by":"user","text":"hi"}]}'
    assert (whole.url[-4:], stream.url[-13:]) == ("/ask", "/ask-streamed")


async def test_a_receipt_reports_how_the_call_was_made() -> None:
    caller, *_ = scripted([Throttled("no", native_code="slow", status=429), ANSWER])

    receipt = (await caller.complete(caller.prepare(HI, ROUTE))).receipt

    assert receipt is not None
    assert (receipt.provider, receipt.family, receipt.surface) == ("acme", "toy", "toy")
    assert (receipt.model, receipt.called, receipt.region) == ("toy", "toy.prompt-1", "here")
    assert (receipt.request_id, receipt.attempts) == ("r-1", 2)
    assert receipt.failed_attempts == (FailedAttempt("throttled", "slow", 429, None),)
    assert receipt.latency_ms is not None and receipt.first_byte_ms is not None


async def test_an_error_knows_the_attempts_before_it() -> None:
    refusals = [Throttled("no", native_code=f"slow {number}", status=429) for number in range(3)]
    caller, *_ = scripted(refusals)

    with pytest.raises(Throttled) as caught:
        await caller.complete(caller.prepare(HI, ROUTE))

    told = [attempt.native_code for attempt in caught.value.failed_attempts]
    assert (told, caught.value.native_code) == (["slow 0", "slow 1"], "slow 2")
    assert not caught.value.may_be_billed


@pytest.mark.parametrize("broken", [Unavailable, ProviderTimeout])
async def test_a_refusal_without_its_body_is_what_status_and_headers_say(
    broken: type[ProviderError],
) -> None:
    cut = broken("cut", status=403)
    cut.answer_headers = {"x-request-id": "r-9"}
    caller, *_ = scripted([cut, ANSWER])

    with pytest.raises(InvalidCall, match="refused with 0 bytes") as caught:
        await caller.complete(caller.prepare(HI, ROUTE))

    assert (caught.value.status, caught.value.request_id) == (403, "r-9")


async def test_latencies_are_milliseconds_of_the_call() -> None:
    class Slow(Delayed):
        delays = (0.05,)

        async def open_stream(self, request: HttpRequest) -> ByteStream:
            await asyncio.sleep(0.05)
            return await super().open_stream(request)

    for ask in ("complete", "stream"):
        caller, *_ = scripted([ANSWER if ask == "complete" else streamed(*CHUNKS)], client=Slow)
        began = waiting.now()
        call = caller.prepare(HI, ROUTE, is_streamed=ask == "stream")
        answer = await getattr(caller, ask)(call)
        receipt = (answer if ask == "complete" else await answer.completion()).receipt
        took_ms = (waiting.now() - began) * 1000

        assert receipt is not None and receipt.latency_ms is not None
        assert 50 <= receipt.latency_ms <= took_ms + 1
        if ask == "stream":
            assert receipt.first_byte_ms is not None
            assert 50 <= receipt.first_byte_ms <= receipt.latency_ms


@pytest.mark.parametrize(
    "kind", [Route, UnaryRoute, Call, CompletionCall, Surface, Terms, Retries], ids=str
)
def test_what_describes_a_call_is_built_by_keywords_alone(kind: Any) -> None:
    assert all(field.kw_only for field in attrs.fields(kind))


async def test_the_receipt_of_a_stream_has_its_latency_when_it_has_ended() -> None:
    caller, *_ = scripted([streamed(*CHUNKS)])

    stream = await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))
    opened = stream.receipt
    whole = await stream.completion()

    assert opened is not None and opened.latency_ms is None
    assert whole.receipt is not None and whole.receipt.latency_ms is not None
    assert (whole.text, whole.usage.output_tokens) == ("Hello.", 2)


async def test_an_error_says_whose_call_it_was() -> None:
    caller, *_ = scripted([MockAnswer(status=400, headers={"x-request-id": "r-9"})])

    with pytest.raises(InvalidCall) as caught:
        await caller.complete(caller.prepare(HI, ROUTE))

    error = caught.value
    assert (error.provider, error.model, error.request_id) == ("acme", "toy", "r-9")


async def test_an_answer_that_breaks_off_is_told_with_its_id() -> None:
    cut = Unavailable("cut")
    cut.is_retryable, cut.answer_headers = False, {"x-request-id": "r-8"}
    caller, *_ = scripted([cut])

    with pytest.raises(Unavailable) as caught:
        await caller.complete(caller.prepare(HI, ROUTE))

    assert caught.value.request_id == "r-8"


async def test_an_attempt_without_an_answer_has_not_the_id_of_the_one_before() -> None:
    busy = MockAnswer(status=429, headers={"x-request-id": "r-1"})
    caller, *_ = scripted([busy, ProviderTimeout("slow")], mends=1)

    with pytest.raises(ProviderTimeout) as caught:
        await caller.complete(caller.prepare(HI, ROUTE))

    assert caught.value.request_id is None


async def test_a_request_that_the_family_cannot_take_is_refused_before_it_is_sent() -> None:
    caller, network, _ = scripted([])

    with pytest.raises(Exception, match="system") as caught:
        caller.prepare(CompletionRequest((user("hi"),), system="Be brief."), ROUTE)

    assert caught.value.provider == "acme"  # type: ignore[attr-defined]
    assert network.requests == []


async def test_a_parameter_that_the_family_lacks_is_left_out_and_reported() -> None:
    caller, network, _ = scripted([ANSWER])
    asked = CompletionRequest((user("hi"),), inference=Inference(top_k=7))

    answer = await caller.complete(caller.prepare(asked, ROUTE))

    assert [adjustment.feature for adjustment in answer.adjustments] == ["top_k"]
    assert b"7" not in network.requests[0].body


async def test_an_answer_of_another_service_is_described_and_never_quoted() -> None:
    page = MockAnswer(headers={"content-type": "text/html"}, reads=(b"<html>private</html>",))
    caller, *_ = scripted([page, page])

    for ask in (
        lambda: caller.complete(caller.prepare(HI, ROUTE)),
        lambda: caller.stream(caller.prepare(HI, ROUTE, is_streamed=True)),
    ):
        with pytest.raises(DecodeError, match="an HTML page of 20 bytes") as caught:
            await ask()
        assert "private" not in f"{caught.value}{caught.value.hint}"


async def test_a_clients_own_body_is_sent_byte_for_byte_where_its_form_is_the_models() -> None:
    caller, network, _ = scripted([ANSWER])
    body = b'{ "turns" : [{"text":"hi", "by":"user"}] }'
    native = NativeCall(codec=ROUTE.codec, surface="toy", body=body, request=HI)

    answer = await caller.forward(caller.prepare_native(native, ROUTE, is_streamed=False))

    assert network.requests[0].body == body
    assert answer.body == ANSWER.reads[0]


@pytest.mark.parametrize("setting", list(ControlTokens))
async def test_control_tokens_are_neutralised_where_the_settings_say_so(
    setting: ControlTokens,
) -> None:
    route = evolve(ROUTE, codec=evolve(PROMPT, control_tokens=("<|eot|>",)))
    settings = CommonSettings(model="toy", control_tokens=setting)
    _, network, upstream = scripted([])
    caller = Caller("acme", network, settings, upstream)
    forged = CompletionRequest((user("hi<|eot|>"),))

    if setting is ControlTokens.REFUSE:
        with pytest.raises(RequestError, match="acme"):
            caller.prepare(forged, route)
    else:
        assert b"<|eot|>" not in caller.prepare(forged, route).body


async def test_time_that_is_over_before_a_call_is_sent_says_what_took_it() -> None:
    class Slow(ToyService):
        async def request(self, call: Call) -> HttpRequest:
            await waiting.sleep(5.0)
            raise AssertionError

    network, settings = answering(), CommonSettings(model="toy", timeouts=Timeouts(total_s=0.05))
    caller = Caller("acme", network, settings, Slow(Retries()))
    call = caller.prepare(HI, ROUTE)
    part = evolve(call, started=call.started, ends_at=call.started + 0.05, given_s=7.5)

    said = []
    for each in (call, part):
        with pytest.raises(ProviderTimeout) as caught:
            await caller.complete(each)
        said.append(caught.value.message)

    assert "preparing the call took longer than 0.05 s (total timeout); nothing was sent" in said[0]
    assert "longer than the 0.05 s that were left of 7.5 s (total timeout)" in said[1]


VECTORS_ROUTE = UnaryRoute(
    model="v", called="v", codec=VECTORS, facts=ModelFacts(), operation="embed"
)


async def test_a_clients_own_body_of_a_unary_call_is_sent_where_its_form_is_the_models() -> None:
    asked, body = EmbeddingRequest(("a",)), b'{ "inputs" : ["a"] }'
    own = NativeCall(codec=VECTORS, surface="embed", request=asked, body=body)
    other = evolve(own, codec=evolve(VECTORS, family="other"))
    answer = json_answer({"vectors": [[1.0]]})
    caller, network, _ = scripted([answer] * 3)

    got = [
        await caller.unary.forward(VECTORS_ROUTE, native, lambda answer, headers: answer)
        for native in (own, other, evolve(own, body=None))
    ]

    assert [sent.body for sent in network.requests] == [
        body,
        b'{"inputs":["a"]}',
        b'{"inputs":["a"]}',
    ]
    assert [each.body for each in got] == [answer.reads[0], None, None]
    assert all(each.answer.vectors[0].values == (1.0,) for each in got)


@pytest.mark.parametrize("body", [b"<html>private</html>", b"[]"])
async def test_a_unary_answer_of_another_service_is_described_and_never_quoted(body: bytes) -> None:
    caller, *_ = scripted([MockAnswer(reads=(body,))])

    with pytest.raises(DecodeError, match=r"an HTML page of 20 bytes|a JSON list") as caught:
        await caller.unary.ask(VECTORS_ROUTE, EmbeddingRequest(("a",)))

    assert "private" not in f"{caught.value}{caught.value.hint}"


# ── what a runtime hands to its providers ─────────────────────────────────────────────────────────


def toy(**more: object) -> ProviderConfig:
    return ProviderConfig(
        str(more.pop("name", "toy-chat")),
        type="toy-chat",
        is_enabled=True,
        credentials={"api_key": toy_chat.SECRET},
        **more,  # type: ignore[arg-type]
    )


def answering() -> MockTransport:
    return MockTransport(lambda request: toy_chat.SERVICE.answer(request, SAID))


@pytest.mark.usefixtures("toy_chat_provider")
async def test_credentials_of_the_configuration_reach_the_provider(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        'version: "1.0"\nllm_providers:\n  toy-chat:\n    enabled: true\n'
        "    credentials: {api_key: $TOY_KEY}\n"
    )
    config, client = load_config(file, {"TOY_KEY": toy_chat.SECRET}), answering()

    async with Runtime.open(config, environment={}, client=client) as runtime:
        await runtime.complete("Why is the sky blue?")

    assert client.requests[0].headers["authorization"] == f"Bearer {toy_chat.SECRET}"
    assert toy_chat.SECRET not in f"{config!r}{client.requests[0]!r}"


@pytest.mark.usefixtures("toy_chat_provider")
async def test_credentials_are_given_in_code_too() -> None:
    client, credentials = answering(), {"api_key": toy_chat.SECRET}

    opened = Runtime.open(
        provider="toy-chat", credentials=credentials, environment={}, client=client
    )
    async with opened as runtime:
        await runtime.complete("Why is the sky blue?")

    assert client.requests[0].headers["authorization"] == f"Bearer {toy_chat.SECRET}"


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_credential_that_is_missing_is_named_with_its_place_in_the_yaml() -> None:
    entry = ProviderConfig("toy-chat", is_enabled=True)

    with pytest.raises(ConfigError, match="needs the credential 'api_key'") as caught:
        Runtime.open(Config(providers={"toy-chat": entry}), environment={}, client=answering())

    assert "`credentials: {api_key: ${…}}`" in str(caught.value.hint)


def test_services_show_the_names_of_credentials_and_extras_alone() -> None:
    services = Services(
        name="acme",
        client=answering(),
        codecs=CodecRegistry(),
        credentials={"api_key": toy_chat.SECRET},
        extras={"session": toy_chat.SECRET},
    )

    assert toy_chat.SECRET not in repr(services)
    assert "api_key" in repr(services) and "session" in repr(services)


@pytest.mark.usefixtures("toy_chat_provider")
async def test_extras_go_to_the_provider_whose_name_they_have() -> None:
    config = Config(providers={"one": toy(name="one"), "two": toy(name="two")})
    client = answering()

    extras = {"two": {"headers": {"x-account": "2"}}}
    async with Runtime.open(config, environment={}, client=client, extras=extras) as runtime:
        for name in ("one", "two"):
            await runtime.complete("hi", provider=name)

    assert [request.headers.get("x-account") for request in client.requests] == [None, "2"]


@pytest.mark.usefixtures("toy_chat_provider")
def test_extras_for_a_provider_that_is_not_enabled_are_an_error() -> None:
    config = Config(providers={"one": toy(name="one")})

    with pytest.raises(ConfigError, match="'two', which is not enabled") as caught:
        Runtime.open(config, environment={}, client=answering(), extras={"two": {}})

    assert str(caught.value.hint).endswith("one")


@pytest.mark.usefixtures("toy_chat_provider")
async def test_a_client_that_runtimes_share_is_closed_by_its_owner() -> None:
    config, client = Config(providers={"toy-chat": toy()}), answering()

    for _ in range(2):
        async with Runtime.open(config, environment={}, client=client) as runtime:
            await runtime.complete("hi")

    assert len(client.requests) == 2
    assert not client.is_closed


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_blocking_caller_may_share_a_client_too() -> None:
    config, client = Config(providers={"toy-chat": toy()}), answering()

    with BlockingRuntime.open(config, environment={}, client=client) as runtime:
        assert runtime.complete("hi").text == SAID.text

    assert not client.is_closed


# ── a runtime without a file ──────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("toy_provider")
def test_keywords_go_to_the_only_provider_that_has_them() -> None:
    with pytest.raises(ConfigError, match="toy could not be built: NotImplementedError"):
        Runtime.open(environment={}, region="here", colour="green")


@pytest.mark.usefixtures("toy_provider", "toy_chat_provider")
def test_keywords_that_several_providers_have_need_the_name_of_one() -> None:
    with pytest.raises(ConfigError, match=r"several providers have the settings model: ") as caught:
        Runtime.open(environment={}, model="toy-1")

    assert "provider=" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="needs the credential"):
        Runtime.open(environment={}, provider="toy-chat", model="toy-1")


def blocking_all_but(*names: str) -> dict[str, str]:
    """An environment that blocks every other installed provider."""
    others = {plugin.name for plugin in find_plugins(PROVIDERS)} - set(names)
    return {"AXONFLOW_BLOCK_PLUGINS": ",".join(sorted(others))}


@pytest.mark.usefixtures("toy_chat_provider")
def test_the_echo_provider_is_not_meant_where_another_has_the_keywords() -> None:
    with pytest.raises(ConfigError, match="needs the credential"):
        Runtime.open(environment=blocking_all_but("echo", "toy-chat"), model="toy-1")


async def test_the_echo_provider_answers_where_no_other_has_the_keywords() -> None:
    async with Runtime.open(environment=blocking_all_but("echo"), model="m") as runtime:
        assert (await runtime.complete("hi")).text == "hi"


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_keyword_that_no_provider_has_lists_those_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match="no installed provider has the settings weight"
    ) as caught:
        Runtime.open(environment={}, weight=1)

    assert "toy-chat has control_tokens, endpoint" in str(caught.value.hint)


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_provider_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="acme"):
        Runtime.open(environment={}, provider="acme")


@pytest.mark.usefixtures("toy_chat_provider")
def test_settings_are_given_once() -> None:
    config = Config(providers={"toy-chat": toy()})

    with pytest.raises(ConfigError, match="given twice"):
        Runtime.open(config, environment={}, model="toy-1")


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_value_of_a_wrong_type_is_an_error_that_names_its_key() -> None:
    with pytest.raises(ConfigError, match="max_tokens"):
        Runtime.open(environment={}, provider="toy-chat", max_tokens="many")


# ── arguments of another type than the runtime takes ──────────────────────────────────────────────

ENDLESS: dict[str, Any] = {}
ENDLESS["itself"] = ENDLESS


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"config": {"llm_providers": {}}}, "config takes the path of a file or a Config"),
        ({"credentials": "x"}, "credentials takes a mapping"),
        ({"credentials": {"api_key": 7}}, "credentials takes a mapping of texts"),
        ({"extras": 7}, "extras takes a mapping"),
        ({"extras": {"echo": 7}}, r"extras\['echo'\] takes a mapping"),
        ({"environment": "x"}, "environment takes a mapping"),
        ({"config": "a\0b"}, "not a text with a null character"),
        ({"provider": 5}, "provider takes the name of a provider, not 5"),
        ({"client": 5}, "client takes an HttpClient, not 5"),
        ({"provider": "echo", "model": ENDLESS}, "nested too deeply, or holds itself"),
    ],
)
def test_an_argument_of_open_of_another_type_is_named(arguments: Any, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        Runtime.open(**{"environment": {}, **arguments})


@pytest.mark.usefixtures("toy_chat_provider")
async def test_an_argument_of_a_call_of_another_type_is_named() -> None:
    network = answering()
    runtime = toy_chat.runtime_on(network)
    for ask in (
        lambda: runtime.complete("hi", model=7),  # type: ignore[arg-type]
        lambda: runtime.complete("hi", model=""),
        lambda: runtime.stream("hi", model=[]),  # type: ignore[arg-type]
    ):
        with pytest.raises(RequestError, match="model takes the id of a model"):
            await ask()
    with pytest.raises(RequestError, match="provider takes the name of a provider"):
        await runtime.complete("hi", provider={})  # type: ignore[arg-type]
    for forward in (runtime.forward, runtime.forward_stream):
        with pytest.raises(RequestError, match="a client's own call is a NativeCall, not a str"):
            await forward("hi")  # type: ignore[arg-type]

    assert network.requests == []


@pytest.mark.parametrize("inputs", [7, None, {"a": 1}, b"xy", []])
async def test_inputs_that_are_no_texts_are_an_error_of_the_request(inputs: Any) -> None:
    runtime = Runtime({"all": Everything()}, answering())  # type: ignore[dict-item]

    with pytest.raises(RequestError, match="inputs"):
        await runtime.embed(inputs)
    with pytest.raises(RequestError, match="rerank takes a RerankRequest"):
        await runtime.rerank(inputs)


class Everything:
    """A provider with every ability, none of which is to be reached."""

    async def embed(
        self, request: Any, *, model: str | None = None, timeout_s: float | None = None
    ) -> Any:
        raise AssertionError(request)

    rerank = count = embed


class Timed(Everything):
    """A provider that keeps how long each call may take."""

    default_model = "m"

    def __init__(self) -> None:
        self.time_limits: list[float | None] = []

    async def embed(
        self, request: Any, *, model: str | None = None, timeout_s: float | None = None
    ) -> Any:
        self.time_limits.append(timeout_s)
        return Ranking(())

    rerank = count = embed


async def test_calls_that_are_no_completions_have_a_time_limit_too() -> None:
    provider = Timed()
    runtime = Runtime({"timed": provider}, answering())  # type: ignore[dict-item]

    await runtime.embed("a", timeout=1)
    await runtime.rerank(RerankRequest("a", ["b"]), timeout=2)
    await runtime.count_tokens("a", timeout=3)
    await runtime.embed("a")

    assert provider.time_limits == [1, 2, 3, None]
    with pytest.raises(RequestError, match="timeout takes seconds"):
        await runtime.embed("a", timeout=0)


@pytest.mark.usefixtures("toy_chat_provider")
def test_a_credential_that_the_provider_does_not_take_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="takes no credential `api_ky`") as caught:
        Runtime.open(provider="toy-chat", credentials={"api_ky": toy_chat.SECRET}, environment={})

    assert "did you mean `api_key`?" in str(caught.value)
    assert toy_chat.SECRET not in str(caught.value)


def test_credentials_for_a_provider_that_takes_none_are_refused_at_their_place(
    tmp_path: Path,
) -> None:
    pytest.importorskip("axonflow_bedrock", reason="the Bedrock plugin is not installed")
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        'version: "1.0"\nllm_providers:\n  bedrock:\n    enabled: true\n'
        "    credentials: {api_key: $K}\n    config: {region: us-east-1}\n"
    )

    with pytest.raises(ConfigError, match=r"axonflow\.yaml:5:19") as caught:
        load_config(file, {"K": toy_chat.SECRET})

    assert "AWS_BEARER_TOKEN_BEDROCK" in str(caught.value)
    assert toy_chat.SECRET not in str(caught.value)


@pytest.mark.usefixtures("toy_chat_provider")
def test_an_object_that_the_provider_does_not_take_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="takes no object 'header'") as caught:
        Runtime.open(
            Config(providers={"toy-chat": toy()}),
            environment={},
            extras={"toy-chat": {"header": {}}},
        )

    assert caught.value.hint == "did you mean `headers`?"


@pytest.mark.usefixtures("toy_chat_provider")
def test_an_object_of_another_type_is_refused_by_its_name() -> None:
    config = Config(providers={"toy-chat": toy()})

    with pytest.raises(ConfigError, match=r"\['headers'\] takes a mapping .*, not 7$"):
        Runtime.open(config, environment={}, extras={"toy-chat": {"headers": 7}})


# ── keywords and the environment ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "environment", "model"),
    [
        ({}, {"ECHO_MODEL": "parrot"}, "parrot"),
        ({"max_tokens": 5}, {"ECHO_MODEL": "parrot"}, "parrot"),
        ({"model": "magpie"}, {"ECHO_MODEL": "parrot"}, "magpie"),
        ({}, {"ECHO_MODEL": ""}, "echo"),
    ],
)
def test_the_environment_gives_what_keywords_leave_out(
    settings: Any, environment: Any, model: str
) -> None:
    runtime = Runtime.open(provider="echo", environment=environment, **settings)

    assert runtime.chosen().default_model == model
