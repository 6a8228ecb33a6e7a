"""Every error AxonFlow raises, in one tree. The branch says whose fault it is.

    AxonFlowError
    ├── ConfigError               the operator: the YAML or the environment
    │   └── PluginError               … or an installed plugin
    ├── RequestError              the caller of this program
    │   ├── EncodeError               the chosen family cannot say this
    │   ├── UndetectedFamily          no codec for that model id
    │   └── BlockingCallError         the blocking façade called on a running event loop
    ├── AnswerError               the provider said something else than it documents
    │   ├── DecodeError               a body that is not the family's
    │   └── TruncatedStream           a stream that ended before its last word
    └── ProviderError             the provider refused or failed
        ├── AccessDenied              … permission
        ├── ModelNotFound             … no such model, not enabled, or end of life
        ├── ProfileRequired           … the model wants an inference profile
        ├── InvalidCall               … the request breaks a rule of the provider
        │   ├── ContextExceeded           … the prompt is too long
    │   └── Uncountable               … the model's tokens cannot be counted
        ├── CredentialsError          … who we are
        │   ├── CredentialsMissing
        │   └── CredentialsExpired
        ├── Throttled                 … too much
        ├── ProviderTimeout           … too slow
        └── Unavailable               … not there

An error carries what happened (`message`), how to mend it (`hint`) and a stable `code`. Whoever
knows more adds it once with `enrich`. The exit code is chosen in `cli` and nowhere else. Messages
name ids and sizes, never prompt text or credentials.
"""

from __future__ import annotations

from typing import ClassVar, Self


class AxonFlowError(Exception):
    """The root. `str(error)` is the message alone; `hint` is shown beside it."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.provider: str | None = None
        self.model: str | None = None
        self.request_id: str | None = None

    def enrich(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> Self:
        """Add what only the caller of the failing function knows; what is already known stays."""
        self.provider = self.provider or provider
        self.model = self.model or model
        self.request_id = self.request_id or request_id
        self.hint = self.hint or hint
        return self


class ConfigError(AxonFlowError):
    code = "config"


class PluginError(ConfigError):
    code = "plugin"


class RequestError(AxonFlowError):
    code = "request"


class EncodeError(RequestError):
    """The family has no way to say `feature`. Nothing was sent and nothing was dropped."""

    code = "unsupported"

    def __init__(self, message: str, *, feature: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.feature = feature


class UndetectedFamily(RequestError):
    code = "family_not_detected"


class BlockingCallError(RequestError):
    code = "blocking_call"


class AnswerError(AxonFlowError):
    code = "answer"


class DecodeError(AnswerError):
    code = "undecodable"


class TruncatedStream(AnswerError):
    """The stream ended before the family's last word. `partial_text` is what had arrived."""

    code = "truncated_stream"

    def __init__(self, message: str, *, partial_text: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.partial_text = partial_text


class ProviderError(AxonFlowError):
    """The provider refused or failed. `status` is its HTTP status, `native_code` its own name for
    the fault.

    Whether the same call may succeed later is a matter of the class, and sometimes of the case: a
    daily quota is `Throttled`, and not worth a retry. So an instance may say otherwise than its
    class.
    """

    code = "provider"
    is_retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        native_code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.native_code = native_code


class AccessDenied(ProviderError):
    code = "access_denied"


class ModelNotFound(ProviderError):
    code = "model_not_found"


class ProfileRequired(ProviderError):
    code = "profile_required"


class InvalidCall(ProviderError):
    code = "invalid_call"


class ContextExceeded(InvalidCall):
    code = "context_exceeded"


class Uncountable(InvalidCall):
    """The provider counts no tokens for this model, or not under this id."""

    code = "uncountable"


class CredentialsError(ProviderError):
    code = "credentials"


class CredentialsMissing(CredentialsError):
    code = "credentials_missing"


class CredentialsExpired(CredentialsError):
    code = "credentials_expired"


class Throttled(ProviderError):
    code = "throttled"
    is_retryable = True


class ProviderTimeout(ProviderError):
    code = "timeout"


class Unavailable(ProviderError):
    code = "unavailable"
    is_retryable = True
