from axonflow_core.codec import ChunkDecoder as ChunkDecoder
from axonflow_core.codec import ChunkEncoder as ChunkEncoder
from axonflow_core.codec import FamilyCodec as FamilyCodec
from axonflow_core.codec import Feature as Feature
from axonflow_core.codec import ModelFacts as ModelFacts
from axonflow_core.codec import StopReasons as StopReasons
from axonflow_core.codec import StreamContext as StreamContext
from axonflow_core.codec import StreamDecoder as StreamDecoder
from axonflow_core.config import Config as Config
from axonflow_core.config import Fault as Fault
from axonflow_core.config import FaultyConfig as FaultyConfig
from axonflow_core.config import ProviderConfig as ProviderConfig
from axonflow_core.config import load_config as load_config
from axonflow_core.errors import AccessDenied as AccessDenied
from axonflow_core.errors import AnswerError as AnswerError
from axonflow_core.errors import AxonFlowError as AxonFlowError
from axonflow_core.errors import BlockingCallError as BlockingCallError
from axonflow_core.errors import ConfigError as ConfigError
from axonflow_core.errors import ContextExceeded as ContextExceeded
from axonflow_core.errors import CredentialsError as CredentialsError
from axonflow_core.errors import CredentialsExpired as CredentialsExpired
from axonflow_core.errors import CredentialsMissing as CredentialsMissing
from axonflow_core.errors import DecodeError as DecodeError
from axonflow_core.errors import EncodeError as EncodeError
from axonflow_core.errors import InvalidCall as InvalidCall
from axonflow_core.errors import ModelNotFound as ModelNotFound
from axonflow_core.errors import PluginError as PluginError
from axonflow_core.errors import ProfileRequired as ProfileRequired
from axonflow_core.errors import ProviderError as ProviderError
from axonflow_core.errors import ProviderTimeout as ProviderTimeout
from axonflow_core.errors import RequestError as RequestError
from axonflow_core.errors import Throttled as Throttled
from axonflow_core.errors import TruncatedStream as TruncatedStream
from axonflow_core.errors import Unavailable as Unavailable
from axonflow_core.errors import Uncountable as Uncountable
from axonflow_core.errors import UndetectedFamily as UndetectedFamily
from axonflow_core.exchanges import EmbeddingCodec as EmbeddingCodec
from axonflow_core.exchanges import EmbeddingFeature as EmbeddingFeature
from axonflow_core.exchanges import RerankCodec as RerankCodec
from axonflow_core.exchanges import TokenCounter as TokenCounter
from axonflow_core.exchanges import Words as Words
from axonflow_core.hookspecs import HOOK_API as HOOK_API
from axonflow_core.hookspecs import hookimpl as hookimpl
from axonflow_core.messages import Adjustment as Adjustment
from axonflow_core.messages import BuiltinTool as BuiltinTool
from axonflow_core.messages import CachePoint as CachePoint
from axonflow_core.messages import Completion as Completion
from axonflow_core.messages import CompletionRequest as CompletionRequest
from axonflow_core.messages import ContentBlock as ContentBlock
from axonflow_core.messages import Data as Data
from axonflow_core.messages import Document as Document
from axonflow_core.messages import Guardrail as Guardrail
from axonflow_core.messages import Image as Image
from axonflow_core.messages import Inference as Inference
from axonflow_core.messages import Json as Json
from axonflow_core.messages import Media as Media
from axonflow_core.messages import MediaKind as MediaKind
from axonflow_core.messages import Message as Message
from axonflow_core.messages import Opaque as Opaque
from axonflow_core.messages import Reasoning as Reasoning
from axonflow_core.messages import ReasoningRequest as ReasoningRequest
from axonflow_core.messages import Role as Role
from axonflow_core.messages import StopReason as StopReason
from axonflow_core.messages import Text as Text
from axonflow_core.messages import TokenCount as TokenCount
from axonflow_core.messages import Tool as Tool
from axonflow_core.messages import ToolChoice as ToolChoice
from axonflow_core.messages import ToolChoiceMode as ToolChoiceMode
from axonflow_core.messages import ToolResult as ToolResult
from axonflow_core.messages import ToolUse as ToolUse
from axonflow_core.messages import Usage as Usage
from axonflow_core.messages import assistant as assistant
from axonflow_core.messages import user as user
from axonflow_core.provider import CompletionStream as CompletionStream
from axonflow_core.provider import Emulator as Emulator
from axonflow_core.provider import Health as Health
from axonflow_core.provider import Provider as Provider
from axonflow_core.provider import ProviderSpec as ProviderSpec
from axonflow_core.provider import Services as Services
from axonflow_core.registry import CodecRegistry as CodecRegistry
from axonflow_core.registry import RegisteredCodec as RegisteredCodec
from axonflow_core.retrieval import Clip as Clip
from axonflow_core.retrieval import EmbeddingInput as EmbeddingInput
from axonflow_core.retrieval import EmbeddingRequest as EmbeddingRequest
from axonflow_core.retrieval import Embeddings as Embeddings
from axonflow_core.retrieval import Encoding as Encoding
from axonflow_core.retrieval import Mixed as Mixed
from axonflow_core.retrieval import Purpose as Purpose
from axonflow_core.retrieval import Ranked as Ranked
from axonflow_core.retrieval import Ranking as Ranking
from axonflow_core.retrieval import RerankRequest as RerankRequest
from axonflow_core.retrieval import Truncation as Truncation
from axonflow_core.retrieval import Vector as Vector
from axonflow_core.runtime import BlockingRuntime as BlockingRuntime
from axonflow_core.runtime import Runtime as Runtime
from axonflow_core.stream import Batch as Batch
from axonflow_core.stream import BlockStart as BlockStart
from axonflow_core.stream import BlockStop as BlockStop
from axonflow_core.stream import CitationDelta as CitationDelta
from axonflow_core.stream import Echoed as Echoed
from axonflow_core.stream import Ended as Ended
from axonflow_core.stream import Extra as Extra
from axonflow_core.stream import GuardrailUpdate as GuardrailUpdate
from axonflow_core.stream import MetricsUpdate as MetricsUpdate
from axonflow_core.stream import ReasoningDelta as ReasoningDelta
from axonflow_core.stream import Started as Started
from axonflow_core.stream import Stopped as Stopped
from axonflow_core.stream import StreamEvent as StreamEvent
from axonflow_core.stream import TextDelta as TextDelta
from axonflow_core.stream import ToolInputDelta as ToolInputDelta
from axonflow_core.stream import ToolResultDelta as ToolResultDelta
from axonflow_core.stream import UsageUpdate as UsageUpdate
from axonflow_core.stream import assemble as assemble
from axonflow_core.stream import batch_of as batch_of

__all__ = [
    "HOOK_API",
    "AccessDenied",
    "Adjustment",
    "AnswerError",
    "AxonFlowError",
    "Batch",
    "BlockStart",
    "BlockStop",
    "BlockingCallError",
    "BlockingRuntime",
    "BuiltinTool",
    "CachePoint",
    "ChunkDecoder",
    "ChunkEncoder",
    "CitationDelta",
    "Clip",
    "CodecRegistry",
    "Completion",
    "CompletionRequest",
    "CompletionStream",
    "Config",
    "ConfigError",
    "ContentBlock",
    "ContextExceeded",
    "CredentialsError",
    "CredentialsExpired",
    "CredentialsMissing",
    "Data",
    "DecodeError",
    "Document",
    "Echoed",
    "EmbeddingCodec",
    "EmbeddingFeature",
    "EmbeddingInput",
    "EmbeddingRequest",
    "Embeddings",
    "Emulator",
    "EncodeError",
    "Encoding",
    "Ended",
    "Extra",
    "FamilyCodec",
    "Fault",
    "FaultyConfig",
    "Feature",
    "Guardrail",
    "GuardrailUpdate",
    "Health",
    "Image",
    "Inference",
    "InvalidCall",
    "Json",
    "Media",
    "MediaKind",
    "Message",
    "MetricsUpdate",
    "Mixed",
    "ModelFacts",
    "ModelNotFound",
    "Opaque",
    "PluginError",
    "ProfileRequired",
    "Provider",
    "ProviderConfig",
    "ProviderError",
    "ProviderSpec",
    "ProviderTimeout",
    "Purpose",
    "Ranked",
    "Ranking",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningRequest",
    "RegisteredCodec",
    "RequestError",
    "RerankCodec",
    "RerankRequest",
    "Role",
    "Runtime",
    "Services",
    "Started",
    "StopReason",
    "StopReasons",
    "Stopped",
    "StreamContext",
    "StreamDecoder",
    "StreamEvent",
    "Text",
    "TextDelta",
    "Throttled",
    "TokenCount",
    "TokenCounter",
    "Tool",
    "ToolChoice",
    "ToolChoiceMode",
    "ToolInputDelta",
    "ToolResult",
    "ToolResultDelta",
    "ToolUse",
    "TruncatedStream",
    "Truncation",
    "Unavailable",
    "Uncountable",
    "UndetectedFamily",
    "Usage",
    "UsageUpdate",
    "Vector",
    "Words",
    "assemble",
    "assistant",
    "batch_of",
    "hookimpl",
    "load_config",
    "user",
]
