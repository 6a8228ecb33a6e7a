"""The laws of providers: a provider without a fault keeps them all, and each of them catches a
seeded mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import toy_chat
from attrs import evolve, field, frozen
from toy_chat import CODEC, ERRORS, SECRET, SERVICE

from axonflow_core.calls.chat_provider import ChatApi, ChatProvider
from axonflow_core.calls.retries import Retries
from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.errors import AnswerError, AxonFlowError, InvalidCall
from axonflow_core.framing.sse import SseEvent
from axonflow_core.messages import Completion, CompletionRequest, Json, user
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import CompletionStream, Health
from axonflow_core.stream import Batch, Ended, UsageUpdate
from axonflow_core.testing import ProviderCase, provider_laws, provider_test

test_a_chat_api_keeps_every_law = provider_test(
    toy_chat.spec(), service=SERVICE, credentials={"api_key": SECRET}
)


# ── mistakes in the description of the API ────────────────────────────────────────────────────────


def without_system(api: ChatApi, services: Services) -> ChatApi:
    def encode(request: CompletionRequest, facts: ModelFacts) -> Json:
        return CODEC.encode_request(evolve(request, system=()), facts)

    return evolve(api, codec=evolve(api.codec, encode_request=encode))


def with_an_unlisted_option(api: ChatApi, services: Services) -> ChatApi:
    def encode(request: CompletionRequest, facts: ModelFacts) -> Json:
        known = evolve(request, inference=evolve(request.inference, top_k=None))
        return {**CODEC.encode_request(known, facts), "top_k": request.inference.top_k}

    features = CODEC.features | {Feature.TOP_K}
    return evolve(api, codec=evolve(api.codec, features=features, encode_request=encode))


def with_one_tool_use(api: ChatApi, services: Services) -> ChatApi:
    def decode(body: Json, facts: ModelFacts) -> Completion:
        completion = CODEC.decode_response(body, facts)
        return evolve(completion, content=completion.content[:1])

    return evolve(api, codec=evolve(api.codec, decode_response=decode))


class WithoutCounts:
    """A chunk decoder that loses the usage of a stream."""

    def __init__(self) -> None:
        self._decoder = CODEC.stream_decoder(ModelFacts())

    def feed(self, chunk: Json) -> Batch:
        events = self._decoder.feed(chunk)
        return tuple(event for event in events if not isinstance(event, UsageUpdate))


def without_stream_usage(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, codec=evolve(api.codec, stream_decoder=lambda facts: WithoutCounts()))


class FramePerRead:
    """A frame reader for networks that never cut an event."""

    consumed_bytes = 0
    fault = None

    def feed(self, data: bytes) -> list[SseEvent]:
        events = data.decode("utf-8", "replace").split("\n\n")
        return [SseEvent(event[6:]) for event in events if event.startswith("data: ")]

    def finish(self) -> None:
        """Nothing was kept."""


def with_a_frame_per_read(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, surface=evolve(api.surface, frame_reader=FramePerRead))


class EndsAnywhere:
    """A chunk reader that takes every chunk for the last."""

    def __init__(self) -> None:
        self._decoder = CODEC.stream_decoder(ModelFacts())

    @property
    def partial_text(self) -> str:
        return self._decoder.partial_text

    def feed(self, chunk: Json) -> Batch:
        return (*self._decoder.feed(chunk), Ended())

    def finish(self) -> None:
        """Whatever came is the answer."""


def with_any_end(api: ChatApi, services: Services) -> ChatApi:
    surface = evolve(api.surface, chunk_reader=lambda codec, facts: EndsAnywhere())
    return evolve(api, surface=surface)


def without_an_error_table(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, errors=evolve(ERRORS, rows=ERRORS.rows[:1]))


def with_another_request_id(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, request_id_header="x-another-id")


def without_retries(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, retries=Retries(max_attempts=1))


def with_a_strict_error_reader(api: ChatApi, services: Services) -> ChatApi:
    def decode(status: int, headers: Any, body: bytes) -> InvalidCall:
        return InvalidCall(orjson.loads(body)["error"]["message"], status=status)

    return evolve(api, errors=evolve(ERRORS, decode=decode))


def with_the_key_in_the_url(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, url=f"{api.url}?key={services.credential('api_key')}")


def without_the_key(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, headers={})


def with_the_key_in_an_unusual_header(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, headers={"x-pass": services.credential("api_key")})


def with_the_key_in_a_hint(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, hint=lambda error: f"the key was {services.credential('api_key')}")


# ── mistakes in a provider ────────────────────────────────────────────────────────────────────────


class WithoutReceipt(ChatProvider):
    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        return evolve(await super().complete(request, **options), receipt=None)


class WithoutAdjustments(ChatProvider):
    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        return evolve(await super().complete(request, **options), adjustments=())


class Quoting(ChatProvider):
    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        try:
            return await super().complete(request, **options)
        except AnswerError as error:
            raise AnswerError(f"no JSON: {getattr(error.__cause__, 'doc', '')}") from error


class Unhurried(ChatProvider):
    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        return await super().complete(request)


class Cached(ChatProvider):
    """Answers every question as it answered the first."""

    answer: asyncio.Task[Completion] | None = None

    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        if self.answer is None:
            self.answer = asyncio.create_task(super().complete(request, **options))
        return await self.answer


class Restless(ChatProvider):
    """Waits for an event loop, which its spec denies."""

    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        await asyncio.sleep(0)
        return await super().complete(request, **options)


class Probing(ChatProvider):
    async def health(self) -> Health:
        await self.complete(CompletionRequest((user("Are you there?"),)))
        return Health(is_ready=True)


class Possessive(ChatProvider):
    async def aclose(self) -> None:
        await self._caller._attempts.client.aclose()


class Unclosed(CompletionStream):
    """A stream around another, which it does not close."""

    def __init__(self, inner: CompletionStream) -> None:
        self._inner = inner
        self.receipt = inner.receipt

    async def read(self) -> tuple[Batch, ...]:
        return await self._inner.read()

    async def aclose(self) -> None:
        """Forgotten."""


class Leaking(ChatProvider):
    async def stream(self, request: CompletionRequest, **options: Any) -> CompletionStream:
        return Unclosed(await super().stream(request, **options))


# ── which law catches which ───────────────────────────────────────────────────────────────────────


def unchanged(api: ChatApi, services: Services) -> ChatApi:
    return api


@frozen
class Mistake:
    """A seeded mistake, the law that catches it, and how the law reports it."""

    law: Any
    reported: str
    change: Callable[[ChatApi, Services], ChatApi] = unchanged
    provider: type[ChatProvider] = field(default=ChatProvider, kw_only=True)

    def __str__(self) -> str:
        seeded = self.provider if self.change is unchanged else self.change
        return f"{self.law.__name__}: {seeded.__name__}"


LAWS = provider_laws
MISTAKES = (
    Mistake(LAWS.a_request_arrives_as_it_was_asked, "system prompt", without_system),
    Mistake(LAWS.an_option_that_is_not_listed_is_not_sent, "is sent", with_an_unlisted_option),
    Mistake(
        LAWS.an_option_that_is_not_listed_is_not_sent,
        "without an adjustment",
        provider=WithoutAdjustments,
    ),
    Mistake(LAWS.an_answer_has_text_usage_and_a_receipt, "no receipt", provider=WithoutReceipt),
    Mistake(LAWS.an_answer_has_text_usage_and_a_receipt, "request-1", with_another_request_id),
    Mistake(LAWS.a_stream_adds_up_to_the_whole, "expected 5", without_stream_usage),
    Mistake(
        LAWS.every_cutting_of_a_stream_is_the_same_stream,
        "after 0 characters",
        with_a_frame_per_read,
    ),
    Mistake(LAWS.a_cut_stream_is_an_error_with_its_text, "DID NOT RAISE", with_any_end),
    Mistake(LAWS.tools_are_offered_and_called_in_parallel, "Bergen", with_one_tool_use),
    Mistake(
        LAWS.an_error_is_typed_and_says_whose_call_it_was,
        "slow down",
        without_an_error_table,
    ),
    Mistake(
        LAWS.an_error_is_typed_and_says_whose_call_it_was, "request-1", with_another_request_id
    ),
    Mistake(LAWS.a_passing_error_is_followed_by_another_attempt, "slow down", without_retries),
    Mistake(
        LAWS.an_unreadable_answer_is_an_error_that_quotes_nothing,
        "quotes the body",
        provider=Quoting,
    ),
    Mistake(
        LAWS.a_strange_refusal_is_an_error_of_the_provider,
        "empty document",
        with_a_strict_error_reader,
    ),
    Mistake(LAWS.a_secret_is_sent_and_shown_nowhere, "is shown", with_the_key_in_the_url),
    Mistake(LAWS.a_secret_is_sent_and_shown_nowhere, "is shown", with_the_key_in_a_hint),
    Mistake(LAWS.a_secret_is_sent_and_shown_nowhere, "is not sent", without_the_key),
    Mistake(
        LAWS.a_secret_that_the_service_quotes_is_not_shown,
        "shows a credential",
        with_the_key_in_an_unusual_header,
    ),
    Mistake(LAWS.a_time_limit_reaches_the_client, "1.5", provider=Unhurried),
    Mistake(
        LAWS.what_needs_no_event_loop_never_suspends,
        "waits for an event loop",
        provider=Restless,
    ),
    Mistake(LAWS.many_calls_at_once_never_cross, "question", provider=Cached),
    Mistake(LAWS.nothing_is_sent_before_the_first_call, "calls were made", provider=Probing),
    Mistake(LAWS.nothing_is_sent_before_the_first_call, "to close", provider=Possessive),
    Mistake(LAWS.a_stream_that_is_left_is_closed, "expected true", provider=Leaking),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_law_catches_the_mistake_that_it_is_about(mistake: Mistake) -> None:
    spec = toy_chat.spec(mistake.provider, mistake.change)
    case = ProviderCase(spec=spec, service=SERVICE, credentials={"api_key": SECRET})

    with pytest.raises(
        (AssertionError, pytest.fail.Exception, AxonFlowError, ValueError)
    ) as broken:
        asyncio.run(mistake.law(case))

    assert mistake.reported in str(broken.value)


def test_every_law_catches_a_mistake() -> None:
    assert {mistake.law for mistake in MISTAKES} == set(provider_laws.LAWS)


PLAIN = evolve(
    CODEC,
    features=CODEC.features - {Feature.TOOLS, Feature.TOOL_CHOICE, Feature.SYSTEM},
    stream_decoder=None,
    stream_encoder=None,
)
"""A codec of a vendor without streams, tools and system prompts."""


def with_plain_codec(api: ChatApi, services: Services) -> ChatApi:
    return evolve(api, codec=PLAIN)


PLAIN_CASE = ProviderCase(
    spec=toy_chat.spec(change=with_plain_codec),
    service=evolve(SERVICE, codec=PLAIN),
    credentials={"api_key": SECRET},
)


@pytest.mark.parametrize("law", provider_laws.laws_of(PLAIN_CASE), ids=lambda law: law.__name__)
def test_a_vendor_without_streams_and_tools_is_held_to_the_other_laws(law: Any) -> None:
    asyncio.run(law(PLAIN_CASE))


def test_what_a_codec_cannot_do_is_no_law_for_its_provider() -> None:
    left_out = set(provider_laws.LAWS) - set(provider_laws.laws_of(PLAIN_CASE))

    assert {law.__name__ for law in left_out} == {
        "a_stream_adds_up_to_the_whole",
        "every_cutting_of_a_stream_is_the_same_stream",
        "a_cut_stream_is_an_error_with_its_text",
        "a_stream_that_is_left_is_closed",
        "tools_are_offered_and_called_in_parallel",
    }
