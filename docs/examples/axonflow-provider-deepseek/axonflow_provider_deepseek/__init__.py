"""DeepSeek's API: OpenAI's chat completions, with reasoning in `reasoning_content`.

Source: https://api-docs.deepseek.com, "Create Chat Completion" and "Error Codes", November 2026.
"""

from __future__ import annotations

from attrs import evolve, field, frozen, validators
from axonflow_core.calls.chat_provider import ChatApi, ChatProvider
from axonflow_core.calls.settings import CommonSettings
from axonflow_core.codec import Feature
from axonflow_core.codec.errors import ErrorRow
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import (
    AccessDenied,
    CredentialsError,
    InvalidCall,
    Throttled,
    Unavailable,
)
from axonflow_core.framing.sse import DONE
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ErrorEntry, ProviderSpec, Services, find_fix
from axonflow_core.provider import Provider


@frozen(kw_only=True)
class DeepSeekConfig(CommonSettings):
    """The keys under `config:`."""

    model: str = "deepseek-chat"
    endpoint: str = field(
        default="https://api.deepseek.com", validator=validators.matches_re("https?://.+")
    )
    """Where the API is, without a slash at its end."""


CODEC = openai_chat.chat_codec(
    openai_chat.ChatForm(thinking=openai_chat.Thinking.MEMBER, last_chunk=DONE),
    family="deepseek",
    surface="chat",
    models=("deepseek-",),
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER),
            *(Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES),
            *(Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY, Feature.JSON_OUTPUT),
            *(Feature.TOOLS, Feature.TOOL_CHOICE, Feature.REASONING),
        }
    ),
    joins=frozenset({Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS}),
    evidence="documents: DeepSeek's API reference, November 2026",
)
ERRORS = evolve(
    openai_chat.ERRORS,
    name="deepseek",
    rows=(
        # An empty balance: no pause helps, so the call is not repeated.
        ErrorRow(error=Throttled, status=402, is_retryable=False),
        *openai_chat.ERRORS.rows,
    ),
)

_KEY = "check the API key: credentials: {api_key: ${DEEPSEEK_API_KEY}}"
CATALOGUE = (
    ErrorEntry(
        code=CredentialsError.code, statuses="401", cause="the API key is not valid", fix=_KEY
    ),
    ErrorEntry(
        code=Throttled.code,
        statuses="402",
        cause="the balance is used up",
        fix="add funds to the account, or name another provider",
    ),
    ErrorEntry(code=AccessDenied.code, cause="the account may not call", fix=_KEY),
    ErrorEntry(
        code=InvalidCall.code,
        statuses="400, 422",
        cause="the model does not take a parameter, or its value",
        fix="leave the parameter out, or change it: the message names it",
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="500, 503",
        cause="the service is overloaded",
        fix="the call is repeated automatically; try again later",
        is_retryable=True,
    ),
)
"""What `axonflow explain error` shows; `fix` is the hint of the error too."""


def _create(config: DeepSeekConfig, services: Services) -> Provider:
    api = ChatApi(
        url=f"{config.endpoint}/chat/completions",
        headers={"authorization": f"Bearer {services.credential('api_key')}"},
        codec=CODEC,
        errors=ERRORS,
        hint=lambda error: find_fix(CATALOGUE, error),
    )
    return ChatProvider(services.name, services.client, config, api)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="deepseek",
        display_name="DeepSeek",
        config_type=DeepSeekConfig,
        create=_create,
        needs_event_loop=False,
        credentials=("api_key",),
        error_catalogue=lambda: CATALOGUE,
    )
