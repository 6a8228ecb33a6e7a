"""AxonFlow for Python: an open, governed runtime for language models.

The public names. Each is imported from its module when it is first asked for, so that `import axonflow_core` costs next
to nothing, opens no socket and loads no client, server or cloud library. `__init__.pyi` tells type checkers the same.
"""

from importlib import import_module

_NAMES = {
    "codec": ("ChunkDecoder ChunkEncoder FamilyCodec Feature ModelFacts StopReasons StreamContext StreamDecoder"),
    "config": "Config Fault FaultyConfig ProviderConfig load_config",
    "exchanges": "EmbeddingCodec EmbeddingFeature RerankCodec TokenCounter Words",
    "errors": (
        "AccessDenied AnswerError AxonFlowError BlockingCallError ConfigError ContextExceeded "
        "CredentialsError CredentialsExpired CredentialsMissing DecodeError EncodeError InvalidCall "
        "ModelNotFound PluginError ProfileRequired ProviderError ProviderTimeout RequestError Throttled "
        "TruncatedStream Unavailable Uncountable UndetectedFamily"
    ),
    "hookspecs": "HOOK_API hookimpl",
    "messages": (
        "Adjustment BuiltinTool CachePoint Completion CompletionRequest ContentBlock Data Document Guardrail Image "
        "Inference Json Media MediaKind Message Opaque Reasoning ReasoningRequest Role StopReason Text Tool ToolChoice "
        "ToolChoiceMode ToolResult ToolUse TokenCount Usage assistant user"
    ),
    "provider": "CompletionStream Emulator Health Provider ProviderSpec Services",
    "registry": "CodecRegistry RegisteredCodec",
    "retrieval": (
        "Clip EmbeddingInput EmbeddingRequest Embeddings Encoding Mixed Purpose Ranked Ranking RerankRequest "
        "Truncation Vector"
    ),
    "runtime": "BlockingRuntime Runtime",
    "stream": (
        "Batch BlockStart BlockStop CitationDelta Echoed Ended Extra GuardrailUpdate MetricsUpdate ReasoningDelta "
        "Started Stopped StreamEvent TextDelta ToolInputDelta ToolResultDelta UsageUpdate assemble batch_of"
    ),
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
