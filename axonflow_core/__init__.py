"""AxonFlow for Python: an open, governed runtime for language models.

The public names. Each is imported from its module when it is first asked for, so that `import
axonflow_core` costs next to nothing, opens no socket and loads no client, server or cloud library.
`__init__.pyi` tells type checkers the same.
"""

from importlib import import_module

_NAMES = {
    "asking": "CallOptions Prompt RequestOptions",
    "blocking": "BlockingRuntime BlockingStream",
    "calls.chat_provider": "ChatApi ChatProvider",
    "calls.settings": "CommonSettings",
    "codec": (
        "ChunkDecoder ChunkEncoder Codec ErrorCodec FamilyCodec Feature ModelFacts "
        "NativeError NativeNames ReasoningControls StreamContext StreamDecoder StreamEncoder"
    ),
    "codec.registry": "CodecRegistry RegisteredCodec",
    "codec.unary": "EmbeddingCodec EmbeddingFeature RerankCodec TokenCounter",
    "config": "Config Fault FaultyConfig ProviderConfig load_config",
    "dialects.openai_chat": "ChatForm Thinking chat_codec",
    "errors": (
        "AccessDenied AnswerError AuditError AxonFlowError BlockingCallError ConfigError "
        "ContextExceeded CredentialsError CredentialsExpired CredentialsMissing DecodeError "
        "EncodeError InvalidCall MalformedRequest ModelNotFound PluginError ProfileRequired "
        "ProviderError ProviderTimeout RequestError Throttled TruncatedStream Unavailable "
        "Uncountable UndetectedFamily UnencodableAnswer"
    ),
    "hookspecs": "HOOK_API hookimpl",
    "http.client": "Transport",
    "http.messages": "Timeouts",
    "json": "from_json to_json",
    "messages": (
        "Adjustment BuiltinTool CachePoint Choice Completion CompletionRequest ContentBlock Data "
        "Document FailedAttempt Guardrail Image Inference Json Media MediaKind Message Opaque "
        "OutputSchema Reasoning ReasoningRequest Receipt Role SkippedTarget StopReason Text "
        "TokenCount Tool ToolChoice ToolChoiceMode ToolResult ToolUse Usage assistant user"
    ),
    "output_types": "schema_of",
    "plugin_spec": "Emulator ProviderSpec Services",
    "policy.detectors.detector": "Detector",
    "policy.rules": "Action Mode Severity",
    "provider": "CompletionStream ForwardedAnswer Health NativeCall Provider",
    "retrieval": (
        "AudioVideo EmbeddingInput EmbeddingRequest Embeddings Encoding MixedInput Purpose "
        "RankedDocument Ranking RerankRequest Truncation Vector"
    ),
    "runtime": "Runtime",
    "stream": (
        "Batch BlockStart BlockStop CitationDelta Ended Extra GuardrailUpdate MetricsUpdate "
        "ReasoningDelta RequestEcho Started Stopped StreamEvent TextDelta ToolInputDelta "
        "ToolResultDelta UsageUpdate assemble batch_of"
    ),
    "texts": "texts_in with_texts",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
