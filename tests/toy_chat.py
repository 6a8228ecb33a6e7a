"""A vendor with one JSON API for chat, for tests of the core: a `ChatApi` of OpenAI's dialect.

`spec()` is its provider without a fault. A test gives `spec` another API or provider to seed a
mistake. `provider: toy-chat` is there for a test that has the fixture `toy_chat_provider`.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from axonflow_core.calls.chat_provider import ChatApi, ChatProvider
from axonflow_core.calls.settings import CommonSettings
from axonflow_core.codec import Codec
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.converters import json_members
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import AxonFlowError
from axonflow_core.framing.sse import DONE
from axonflow_core.hookspecs import hookimpl
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import CompletionRequest
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.provider import Provider
from axonflow_core.runtime import Runtime
from axonflow_core.testing import FakeService, MockAnswer, MockTransport
from axonflow_core.testing.fake_service import Script, echoing

CODEC: Codec = openai_chat.chat_codec(
    openai_chat.ChatForm(last_chunk=DONE),
    family="toy",
    surface="chat",
    models=("toy-",),
    features=openai_chat.CODEC.features,
    joins=openai_chat.CODEC.joins,
    evidence="made up for tests",
)
ERRORS = evolve(openai_chat.ERRORS, name="toy")
SERVICE = FakeService(codec=CODEC, errors=ERRORS)
SECRET = "planted-secret-0123456789"


@frozen(kw_only=True)
class ToyChatConfig(CommonSettings):
    model: str = "toy-1"
    endpoint: str = "https://toy.example"


def api_of(config: ToyChatConfig, services: Services) -> ChatApi:
    return ChatApi(
        url=f"{config.endpoint}/chat/completions",
        headers={
            "authorization": f"Bearer {services.credential('api_key')}",
            **services.extras.get("headers", {}),
        },
        codec=CODEC,
        errors=ERRORS,
    )


def spec(
    provider: type[ChatProvider] = ChatProvider,
    change: Callable[[ChatApi, Services], ChatApi] = lambda api, services: api,
) -> ProviderSpec:
    """The provider `provider` of the API as `change` leaves it."""

    def create(config: ToyChatConfig, services: Services) -> Provider:
        api = change(api_of(config, services), services)
        return provider(services.name, services.client, config, api)

    return ProviderSpec(
        name="toy",
        display_name="Toy",
        config_type=ToyChatConfig,
        create=create,
        needs_event_loop=False,
        credentials=("api_key",),
        extras={"headers": json_members},
    )


def answered(script: Script = echoing) -> MockTransport:
    """A network on which the vendor's service answers each request as `script` says."""

    def answer(sent: HttpRequest) -> MockAnswer:
        reply = script(SERVICE.request(sent))
        is_error = isinstance(reply, AxonFlowError)
        return SERVICE.refusal(reply) if is_error else SERVICE.answer(sent, reply)

    return MockTransport(answer)


def runtime_on(client: MockTransport) -> Runtime:
    """A runtime whose one provider, `toy`, calls the vendor's service on `client`."""
    lent = {"codecs": CodecRegistry(), "credentials": {"api_key": SECRET}}
    services = Services(name="toy", client=client, **lent)
    return Runtime({"toy": spec().create(ToyChatConfig(), services)}, client)


def asked_of(client: MockTransport) -> list[CompletionRequest]:
    """The requests that the service got, in order."""
    return [SERVICE.request(sent) for sent in client.requests]


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return spec()
