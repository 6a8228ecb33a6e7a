"""A provider's whole test as one name: calls, streams, tools, errors, secrets; no network.

    test_my_provider = provider_test(
        axonflow_register_provider(),
        service=FakeService(codec=CODEC, errors=ERRORS),
        config={"model": "acme-1"},
        credentials={"api_key": "planted-secret"},
    )

The service that the provider calls is the other role of its own codecs: `FakeService` reads the
request with `decode_request` and answers with `encode_response` or `stream_encoder`, over a
`MockTransport`. So the provider is held to what it sends as well as to what it makes of an answer.
Codecs have laws of their own (`codec_test`); these are the provider's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from attrs import field, frozen

from axonflow_core import waiting
from axonflow_core.codec import Feature
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import ProviderConfig, structure_provider_config
from axonflow_core.errors import (
    AnswerError,
    EncodeError,
    InvalidCall,
    ProviderError,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Inference,
    Receipt,
    StopReason,
    Text,
    Tool,
    ToolUse,
    Usage,
    user,
)
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.provider import CompletionStream, Provider

from .checking import require, same_value
from .fake_service import FakeService
from .mock_transport import MockAnswer, MockTransport, json_answer

T = TypeVar("T")

ANSWER = Completion(
    (Text("The sky is blue."),),
    StopReason.END_TURN,
    Usage(input_tokens=7, output_tokens=5),
)
"""What the service answers, unless the law is about something else."""
CALLS = Completion(
    (
        ToolUse("call_1", "look_up", {"city": "Oslo"}),
        ToolUse("call_2", "look_up", {"city": "Bergen"}),
    ),
    StopReason.TOOL_USE,
    Usage(input_tokens=7, output_tokens=5),
)
"""An answer that calls one tool twice."""
LOOK_UP = Tool(
    "look_up", "Looks a city up.", {"type": "object", "properties": {"city": {"type": "string"}}}
)
QUESTION = CompletionRequest((user("Why is the sky blue?"),))


@frozen(kw_only=True)
class ProviderCase:
    """A provider to be tested, and the service that it calls."""

    spec: ProviderSpec
    """What the plugin's hook returns."""
    service: FakeService
    """The service that the provider calls."""
    config: Mapping[str, Any] = EMPTY
    """The `config:` section of the provider's YAML."""
    credentials: Mapping[str, str] = field(default=EMPTY, repr=False)
    """The credentials, planted: no text contains them by chance."""
    extras: Mapping[str, Any] = EMPTY
    """What the provider finds in `Services.extras`."""
    codecs: CodecRegistry = field(factory=CodecRegistry)
    """The codecs that are registered with it."""

    def open(self, answer: Callable[[HttpRequest], MockAnswer | Exception]) -> _Opened:
        """The provider, whose calls `answer` answers."""
        client = MockTransport(answer)
        entry = ProviderConfig(self.spec.name, is_enabled=True, config=self.config)
        services = Services(
            name=self.spec.name,
            client=client,
            codecs=self.codecs,
            credentials=self.credentials,
            extras=self.extras,
        )
        settings = structure_provider_config(entry, self.spec.config_type)
        return _Opened(self.spec.create(settings, services), client)

    def takes(self, feature: Feature) -> bool:
        """Whether the service's codec has `feature`."""
        return feature in self.service.codec.features | self.service.codec.joins

    def refusing(self, refusal: MockAnswer) -> _Opened:
        """The provider, whose service answers everything with `refusal`."""
        return self.open(lambda sent: refusal)

    def answering(self, completion: Completion) -> _Opened:
        """The provider, whose service answers everything with `completion`."""
        return self.open(lambda sent: self.service.answer(sent, completion))


@frozen
class _Opened:
    """A provider that is open, and the transport that has its calls."""

    provider: Provider
    client: MockTransport


async def _whole(provider: Provider, request: CompletionRequest) -> Completion:
    return await provider.complete(request)


def _receipt_of(completion: Completion) -> Receipt:
    """The receipt of an answer; an answer without one breaks a law."""
    require(completion.receipt is not None, "the answer has no receipt")
    assert completion.receipt is not None  # noqa: S101 - for the type checker
    return completion.receipt


async def _streamed(provider: Provider, request: CompletionRequest) -> Completion:
    async with await provider.stream(request) as stream:
        return await stream.completion()


# ── the laws ──────────────────────────────────────────────────────────────────────────────────────


async def a_request_arrives_as_it_was_asked(case: ProviderCase) -> None:
    """The service reads what the caller asked, the system prompt and the tools included."""
    opened = case.answering(ANSWER)
    asked = evolve(
        QUESTION,
        system=(Text("Be brief."),) if case.takes(Feature.SYSTEM) else (),
        tools=(LOOK_UP,) if case.takes(Feature.TOOLS) else (),
    )
    await opened.provider.complete(asked)
    arrived = case.service.request(opened.client.requests[0])
    same_value(QUESTION.messages[-1].text, arrived.messages[-1].text)
    if case.takes(Feature.SYSTEM):
        has_system = any("Be brief." in block.text for block in _texts(arrived))
        require(has_system, "the system prompt did not arrive")
    if case.takes(Feature.TOOLS):
        same_value(["look_up"], [tool.name for tool in arrived.tools if isinstance(tool, Tool)])


def _texts(request: CompletionRequest) -> list[Text]:
    """The text blocks of a request, the system's first."""
    blocks = [
        *request.system,
        *(block for message in request.messages for block in message.content),
    ]
    return [block for block in blocks if isinstance(block, Text)]


_UNLISTED: Mapping[Feature, CompletionRequest] = {
    Feature.SEED: evolve(QUESTION, inference=Inference(seed=7)),
    Feature.PRESENCE_PENALTY: evolve(QUESTION, inference=Inference(presence_penalty=0.5)),
    Feature.FREQUENCY_PENALTY: evolve(QUESTION, inference=Inference(frequency_penalty=0.5)),
    Feature.TOP_K: evolve(QUESTION, inference=Inference(top_k=7)),
    Feature.SERVICE_TIER: evolve(QUESTION, service_tier="flex"),
    Feature.METADATA: evolve(QUESTION, metadata={"label": "a"}),
}
"""Feature -> a request with an option that needs it. An output schema is none of them: without its
feature it is asked for as a tool."""


async def an_option_that_is_not_listed_is_not_sent(case: ProviderCase) -> None:
    """An option without its feature is refused, or left out and reported: the body is that of the
    same request without it."""
    plain = case.answering(ANSWER)
    await plain.provider.complete(QUESTION)
    for feature, request in _UNLISTED.items():
        opened = case.answering(ANSWER)
        if case.takes(feature):
            continue
        with suppress(EncodeError):
            completion = await opened.provider.complete(request)
            name = f"{feature.value}, which `features` does not list,"
            is_same = opened.client.requests[0].body == plain.client.requests[0].body
            require(is_same, f"{name} is sent")
            require(bool(completion.adjustments), f"{name} is left out without an adjustment")


async def an_answer_has_text_usage_and_a_receipt(case: ProviderCase) -> None:
    """Text, stop reason and counts are the service's; the receipt says how the call was made."""
    opened = case.answering(ANSWER)
    completion = await opened.provider.complete(QUESTION)
    same_value((ANSWER.text, ANSWER.stop_reason), (completion.text, completion.stop_reason))
    same_value((7, 5), (completion.usage.input_tokens, completion.usage.output_tokens))
    receipt = _receipt_of(completion)
    same_value((case.spec.name, 1), (receipt.provider, receipt.attempts))
    same_value((opened.provider.default_model, "request-1"), (receipt.model, receipt.request_id))
    named = receipt.family and receipt.surface and receipt.called
    require(bool(named) and receipt.latency_ms is not None, "the receipt lacks how it was called")


async def a_stream_adds_up_to_the_whole(case: ProviderCase) -> None:
    """A streamed answer comes to the same completion as a whole one, receipt included."""
    whole = await case.answering(ANSWER).provider.complete(QUESTION)
    streamed = await _streamed(case.answering(ANSWER).provider, QUESTION)
    same_value((whole.text, whole.stop_reason), (streamed.text, streamed.stop_reason))
    same_value(whole.usage.output_tokens, streamed.usage.output_tokens)
    require(_receipt_of(streamed).latency_ms is not None, "the receipt lacks the latency")


async def every_cutting_of_a_stream_is_the_same_stream(case: ProviderCase) -> None:
    """The network cuts anywhere: byte by byte it is the same stream."""

    def byte_by_byte(sent: HttpRequest) -> MockAnswer:
        answer = case.service.answer(sent, ANSWER)
        return evolve(answer, reads=[bytes([byte]) for read in answer.reads for byte in read])

    same_value(ANSWER.text, (await _streamed(case.open(byte_by_byte).provider, QUESTION)).text)


async def a_cut_stream_is_an_error_with_its_text(case: ProviderCase) -> None:
    """A stream without its terminal event is never a short answer."""
    opened = case.open(lambda sent: case.service.cut_answer(sent, ANSWER))
    stream = await opened.provider.stream(QUESTION)
    with pytest.raises(TruncatedStream) as caught:
        await stream.completion()
    require("sky" in caught.value.partial_text, "the error lacks the text that had arrived")
    same_value(case.spec.name, caught.value.provider)


async def tools_are_offered_and_called_in_parallel(case: ProviderCase) -> None:
    """Two calls of one tool come back with their ids and arguments, whole and streamed."""
    asked = evolve(QUESTION, tools=(LOOK_UP,))
    for ask in (_whole, _streamed):
        completion = await ask(case.answering(CALLS).provider, asked)
        inputs = [use.input for use in completion.tool_uses]
        same_value([{"city": "Oslo"}, {"city": "Bergen"}], inputs)
        same_value(2, len({use.id for use in completion.tool_uses}))
        same_value(StopReason.TOOL_USE, completion.stop_reason)


async def an_error_is_typed_and_says_whose_call_it_was(case: ProviderCase) -> None:
    """The service's refusals become errors of their class, with provider, model and request id."""
    for error in (InvalidCall("the call is wrong"), Throttled("slow down"), Unavailable("no")):
        error.is_retryable = False
        for ask in ("complete", "stream"):
            opened = case.refusing(case.service.refusal(error))
            with pytest.raises(type(error)) as caught:
                await getattr(opened.provider, ask)(QUESTION)
            raised = caught.value
            expected = (case.spec.name, opened.provider.default_model, "request-1")
            same_value(expected, (raised.provider, raised.model, raised.request_id))


async def a_passing_error_is_followed_by_another_attempt(case: ProviderCase) -> None:
    """A throttled call is made again, and the receipt has both attempts."""
    throttled = Throttled("slow down", retry_after_s=0.01)
    answers = iter([case.service.refusal(throttled)])
    opened = case.open(lambda sent: next(answers, None) or case.service.answer(sent, ANSWER))
    receipt = _receipt_of(await opened.provider.complete(QUESTION))
    same_value(["throttled"], [attempt.code for attempt in receipt.failed_attempts])


async def an_unreadable_answer_is_an_error_that_quotes_nothing(case: ProviderCase) -> None:
    """A proxy's page with status 200 is neither an empty answer nor shown."""
    page = MockAnswer(headers={"content-type": "text/html"}, reads=(b"<html>private</html>",))
    for ask in ("complete", "stream"):
        with pytest.raises(AnswerError) as caught:
            await getattr(case.open(lambda sent: page).provider, ask)(QUESTION)
        shown = f"{caught.value}{caught.value.hint}"
        require("private" not in shown, "the error quotes the body")


async def a_strange_refusal_is_an_error_of_the_provider(case: ProviderCase) -> None:
    """Whatever stands before the service may have written the body."""
    for body in (b"", b"<html>", b"[]", b'{"error": 5}', b"\xff"):
        refusal = MockAnswer(status=400, reads=(body,))
        with pytest.raises(ProviderError):
            await case.refusing(refusal).provider.complete(QUESTION)


async def a_secret_is_sent_and_shown_nowhere(case: ProviderCase) -> None:
    """Credentials, or what proves them, are sent in headers alone: in no URL, body, repr, error."""
    opened = case.open(lambda sent: case.service.refusal(InvalidCall("the call is wrong")))
    with pytest.raises(ProviderError) as caught:
        await opened.provider.complete(QUESTION)
    (sent,) = opened.client.requests
    shown = f"{sent!r}{sent.url}{sent.body!r}{caught.value!r}{caught.value.hint}{opened.provider!r}"
    for secret in case.credentials.values():
        require(secret not in shown, "a credential is shown")
        require(
            case.service.is_proof(sent, secret), "a credential of the configuration is not sent"
        )


async def a_secret_that_the_service_quotes_is_not_shown(case: ProviderCase) -> None:
    """A refusal that quotes what was sent, in its body and in the id of the request, shows no
    credential to whoever called."""
    secrets = case.credentials.values()

    def quoting(sent: HttpRequest) -> MockAnswer:
        quoted = [v for v in sent.headers.values() if any(each in v for each in secrets)]
        refusal = case.service.refusal(InvalidCall(f"not with {quoted}: {', '.join(secrets)}."))
        id_of_all = {case.service.request_id_header: f"of {', '.join(secrets)}"}
        return evolve(refusal, headers={**refusal.headers, **id_of_all})

    for ask in ("complete", "stream"):
        opened = case.open(quoting)
        with pytest.raises(ProviderError) as caught:
            await getattr(opened.provider, ask)(QUESTION)
        error = caught.value
        shown = f"{error!r}{vars(error)}{error.__notes__}"
        sent = [*opened.client.requests[0].headers.values()]
        for secret in secrets:  # one that signs is in no header: the service never sees it
            is_seen = any(secret in value for value in sent)
            require(not is_seen or secret not in shown, "the error shows a credential")


async def a_time_limit_reaches_the_client(case: ProviderCase) -> None:
    """`timeout_s` bounds the call on the wire."""
    opened = case.answering(ANSWER)
    await opened.provider.complete(QUESTION, timeout_s=1.5)
    total_s = opened.client.requests[0].timeouts.total_s
    require(0 < total_s <= 1.5, f"a call of 1.5 s may take {total_s:g} s")  # less what went before


async def what_needs_no_event_loop_never_suspends(case: ProviderCase) -> None:
    """A provider whose spec says that it needs no event loop answers in a thread without one."""
    if case.spec.needs_event_loop:
        return
    opened = case.answering(ANSWER)

    def work() -> tuple[Completion, Completion | None]:
        whole = waiting.drive(opened.provider.complete(QUESTION))
        if not case.service.codec.streams:
            return whole, None
        return whole, waiting.drive(_streamed(opened.provider, QUESTION))

    try:
        whole, streamed = await waiting.outcome(waiting.in_thread(work))
    except waiting.Suspended:
        raise AssertionError(
            "it waits for an event loop: wait through `Services.client` and "
            "`axonflow_core.waiting`, or set `needs_event_loop=True`"
        ) from None
    same_value(ANSWER.text, whole.text)
    if streamed is not None:
        same_value(ANSWER.text, streamed.text)


async def many_calls_at_once_never_cross(case: ProviderCase) -> None:
    """Every caller gets the answer to its own question."""

    def echo(sent: HttpRequest) -> MockAnswer:
        question = case.service.request(sent).messages[-1].text
        return case.service.answer(sent, evolve(ANSWER, content=(Text(question),)))

    provider = case.open(echo).provider
    questions = [f"question {number}" for number in range(20)]
    asked = [provider.complete(CompletionRequest((user(question),))) for question in questions]
    same_value(questions, [answer.text for answer in await asyncio.gather(*asked)])


async def nothing_is_sent_before_the_first_call(case: ProviderCase) -> None:
    """Building, asking for health and closing cost no call; closing twice is allowed. Health may
    ask the service for itself, by a GET."""
    service = case.service
    opened = case.open(lambda sent: service.answer(sent, ANSWER) if sent.body else json_answer({}))
    await opened.provider.health()
    await opened.provider.aclose()
    await opened.provider.aclose()
    calls = [sent for sent in opened.client.requests if sent.method != "GET"]
    require(not calls, "calls were made")
    require(not opened.client.is_closed, "the HTTP client is the runtime's to close")


async def a_stream_that_is_left_is_closed(case: ProviderCase) -> None:
    """Leaving the block cancels the call upstream."""
    opened = case.answering(ANSWER)
    stream: CompletionStream
    async with await opened.provider.stream(QUESTION) as stream:
        await stream.read()
    same_value([True], [answer.is_closed for answer in opened.client.streams])


LAWS: tuple[Callable[[ProviderCase], Awaitable[None]], ...] = (
    a_request_arrives_as_it_was_asked,
    an_option_that_is_not_listed_is_not_sent,
    an_answer_has_text_usage_and_a_receipt,
    a_stream_adds_up_to_the_whole,
    every_cutting_of_a_stream_is_the_same_stream,
    a_cut_stream_is_an_error_with_its_text,
    tools_are_offered_and_called_in_parallel,
    an_error_is_typed_and_says_whose_call_it_was,
    a_passing_error_is_followed_by_another_attempt,
    an_unreadable_answer_is_an_error_that_quotes_nothing,
    a_strange_refusal_is_an_error_of_the_provider,
    a_secret_is_sent_and_shown_nowhere,
    a_secret_that_the_service_quotes_is_not_shown,
    a_time_limit_reaches_the_client,
    what_needs_no_event_loop_never_suspends,
    many_calls_at_once_never_cross,
    nothing_is_sent_before_the_first_call,
    a_stream_that_is_left_is_closed,
)


_OF_STREAMS = frozenset(
    {
        a_stream_adds_up_to_the_whole,
        every_cutting_of_a_stream_is_the_same_stream,
        a_cut_stream_is_an_error_with_its_text,
        a_stream_that_is_left_is_closed,
    }
)


def laws_of(case: ProviderCase) -> list[Callable[[ProviderCase], Awaitable[None]]]:
    """The laws that `case` is held to: without streams where its codec has none, likewise tools."""
    laws = [law for law in LAWS if case.service.codec.streams or law not in _OF_STREAMS]
    if not case.takes(Feature.TOOLS):
        laws.remove(tools_are_offered_and_called_in_parallel)
    return laws


def provider_test(
    spec: ProviderSpec,
    *,
    service: FakeService,
    config: Mapping[str, Any] = EMPTY,
    credentials: Mapping[str, str] = EMPTY,
    extras: Mapping[str, Any] = EMPTY,
    codecs: CodecRegistry | None = None,
) -> Callable[..., None]:
    """A pytest test that holds the provider of `spec` to every law of `LAWS` that is about what the
    codec of `service` can do.

    `config` and `credentials` are those of its YAML; plant secrets that no text contains by chance.
    `service` is what it calls.
    """
    case = ProviderCase(
        spec=spec,
        service=service,
        config=config,
        credentials=credentials,
        extras=extras,
        codecs=codecs or CodecRegistry(),
    )
    return law_test(case)


def law_test(case: ProviderCase) -> Callable[..., None]:
    """As `provider_test`, for a case that other tests use too."""

    @pytest.mark.parametrize("law", laws_of(case), ids=lambda law: law.__name__)
    def test(law: Callable[[ProviderCase], Awaitable[None]]) -> None:
        async def run() -> None:
            await law(case)

        asyncio.run(run())

    return test
