"""Every error AxonFlow raises, in one tree. The branch names who is at fault.

    AxonFlowError
    ├── ConfigError               the operator: the YAML or the environment
    │   └── PluginError               an installed plugin
    ├── RequestError              the caller
    │   ├── MalformedRequest          a body that a client of ours sent is not in its own format
    │   ├── EncodeError               the chosen model family does not support the request
    │   ├── UndetectedFamily          no codec for that model id
    │   └── BlockingCallError         the blocking façade called on a running event loop
    ├── AnswerError               the answer
    │   ├── DecodeError               a body of the provider is not in its documented format
    │   ├── UnencodableAnswer         the client's format cannot hold the answer
    │   └── TruncatedStream           a stream that ended before its terminal event
    ├── AuditError                this server: what happened cannot be put on record
    └── ProviderError             the provider refused the call or failed
        ├── AccessDenied              permission is missing
        ├── ModelNotFound             no such model, not enabled, or at the end of its life
        ├── ProfileRequired           the model requires an inference profile
        ├── InvalidCall               the request breaks a rule of the provider
        │   ├── ContextExceeded           the prompt is too long
        │   └── Uncountable               tokens of this model cannot be counted
        ├── CredentialsError          the credentials are not accepted
        │   ├── CredentialsMissing        there are none
        │   └── CredentialsExpired        they have expired
        ├── Throttled                 too many calls or tokens
        ├── ProviderTimeout           the provider took too long
        └── Unavailable               the provider, or the way to it, does not work

Blame follows the role of the codec that fails. Decoding: a request that a client sent is a
`MalformedRequest`, an answer that a provider sent is a `DecodeError`. Encoding: a request that a
family does not support is an `EncodeError`, an answer that the client's format cannot hold is an
`UnencodableAnswer`.

An error has a message (what happened), a `hint` (how to fix it) and a stable `code`. Whoever knows
more adds it once with `enrich`. The exit code is chosen in `cli`, the HTTP status in the server
role of an `ErrorCodec`, and nowhere else. Messages name ids and sizes, never prompt text or
credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

MAX_WORD = 256
"""How many characters are kept of an id or a name that a provider chooses."""


class AxonFlowError(Exception):
    """The root. `str(error)` is the message alone, one line for a log; a traceback shows `hint` and
    whose call it was below it, as notes."""

    code: ClassVar[str] = "error"
    """A stable name for logs and metrics; `axonflow explain error CODE` explains it."""
    message: str
    """What happened."""
    hint: str | None
    """How to fix it, where that is known."""
    provider: str | None = None
    """The provider of the call, by its key in the configuration."""
    model: str | None = None
    """The model of the call, as the caller or the configuration names it."""
    request_id: str | None = None
    """The provider's own id of the call."""
    answer_headers: Mapping[str, str] = MappingProxyType({})
    """The headers of an answer that broke off or is refused, names in lower case; empty where none
    had come."""
    may_be_billed: bool = False
    """Whether an answer may have been generated all the same: the request was sent whole, and
    nothing that came says that it was refused. Such a call is not made again unasked."""
    is_exhausted: bool = False
    """Whether every target of the call was asked, or none may be now: whoever sends it again has
    all of them asked again."""
    failed_attempts: tuple[Any, ...] = ()
    """Other attempts of the call that failed (`messages.FailedAttempt`), those at other targets
    included."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self._notes: list[str] = []

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # an attribute, made by `add_note`
        """The lines that a traceback shows below the message."""
        call = {"provider": self.provider, "model": self.model, "request id": self.request_id}
        facts = [f"{name} {value}" for name, value in call.items() if value]
        lines = {"fix": self.hint, "call": ", ".join(facts)}
        return [f"{name}: {line}" for name, line in lines.items() if line] + self._notes

    def add_note(self, note: str, /) -> None:
        """Add a line to those that a traceback shows below the message."""
        self._notes.append(note)

    def enrich(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> Self:
        """Set what only the caller of the failing function knows; what is set already stays."""
        self.provider = self.provider or provider
        self.model = self.model or model
        self.request_id = self.request_id or (request_id and request_id[:MAX_WORD])
        self.hint = self.hint or hint
        return self


class ConfigError(AxonFlowError):
    """The YAML file, the environment or an argument of `Runtime.open` is wrong."""

    code = "config"


class PluginError(ConfigError):
    """An enabled plugin is missing, broken or incompatible."""

    code = "plugin"


class RequestError(AxonFlowError):
    """The caller asked for something that cannot be done. Nothing was sent."""

    code = "request"


class MalformedRequest(RequestError):
    """The body of a request, read in the server role, is not in the format that its client uses."""

    code = "malformed_request"


class EncodeError(RequestError):
    """The family does not support `feature`. Nothing was sent and nothing was dropped."""

    code = "unsupported"
    feature: str
    """What the family does not support, by its name among the features: `images`."""

    def __init__(self, message: str, *, feature: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.feature = feature


class UndetectedFamily(RequestError):
    """No installed codec claims the model id, or the family that the configuration names."""

    code = "family_not_detected"


class BlockingCallError(RequestError):
    """A blocking call was made on the thread of a running event loop, which it would stop."""

    code = "blocking_call"


class NotAllowed(RequestError):
    """The client may not do this, whatever it sends."""

    code = "not_allowed"


class AnswerError(AxonFlowError):
    """There was an answer, and it cannot be read or passed on."""

    code = "answer"
    may_be_billed = True


class DecodeError(AnswerError):
    """A body or chunk of the provider is not in the format that its documents describe."""

    code = "undecodable"


class UnencodableAnswer(AnswerError):
    """An answer holds something that the format of its client has no place for: `feature`.

    Raised in the server role, for a whole answer and in a stream.
    """

    code = "unencodable_answer"

    def __init__(
        self, message: str, *, feature: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.feature = feature


class TruncatedStream(AnswerError):
    """The stream ended before its terminal event. `partial_text` is the text that had arrived;
    `is_text_cut` tells that it is only the beginning, because there was more than is kept."""

    code = "truncated_stream"

    def __init__(
        self,
        message: str,
        *,
        partial_text: str = "",
        is_text_cut: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.partial_text = partial_text
        self.is_text_cut = is_text_cut


class AuditError(AxonFlowError):
    """The audit cannot write or read its records. What was to be recorded is not on record, so no
    answer may be given."""

    code = "audit"


class ProviderError(AxonFlowError):
    """The provider refused the call or failed.

    `status` is its HTTP status, `native_code` its own name for the error, `retry_after_s` how many
    seconds it asks to wait before the next attempt. Each is None where the provider did not send
    it.

    `native_message` is the provider's own message, every character of it, for the client whose call
    it answers (`ErrorCodec.encode_error`). It may quote that call, so it belongs in no log, and
    neither `str` nor `repr` shows it. None where the provider did not send one.

    `is_retryable` tells whether the same call may succeed later. The class has a default and an
    instance may differ: a daily quota is `Throttled`, and not worth a retry.
    """

    code = "provider"
    is_retryable: bool = False
    """Whether the same call may succeed later."""
    status: int | None
    """The HTTP status of the answer; None where there was none."""
    native_code: str | None
    """The provider's own name of the error: `ThrottlingException`."""
    retry_after_s: float | None
    """How long the provider asks to wait, in seconds; None where it does not say."""
    original_status: int | None = None
    """The HTTP status that the model answered the provider with; None where it does not say."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        native_code: str | None = None,
        native_message: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.native_code = native_code and native_code[:MAX_WORD]
        self.native_message = native_message
        self.retry_after_s = retry_after_s


class AccessDenied(ProviderError):
    """The caller is known to the provider and lacks a permission."""

    code = "access_denied"


class ModelNotFound(ProviderError):
    """The model does not exist, is not enabled, or is at the end of its life."""

    code = "model_not_found"


class ProfileRequired(ProviderError):
    """The model is called through an inference profile only."""

    code = "profile_required"


class InvalidCall(ProviderError):
    """The request breaks a rule of the provider or of the model."""

    code = "invalid_call"


class ContextExceeded(InvalidCall):
    """The prompt does not fit into the model's context window."""

    code = "context_exceeded"


class PolicyBlocked(InvalidCall):
    """A policy of whoever answers stops the call. The same request is stopped again."""

    code = "policy_blocked"


class Uncountable(InvalidCall):
    """The provider does not count tokens for this model, or not under this id."""

    code = "uncountable"


class CredentialsError(ProviderError):
    """The provider does not accept the credentials."""

    code = "credentials"


class CredentialsMissing(CredentialsError):
    """No credentials were found; nothing was sent."""

    code = "credentials_missing"


class CredentialsExpired(CredentialsError):
    """The credentials were valid once and have expired."""

    code = "credentials_expired"


class Throttled(ProviderError):
    """A limit of calls or tokens was reached."""

    code = "throttled"
    is_retryable = True


class ProviderTimeout(ProviderError):
    """No answer within the time limit of the provider or of the caller. It may be billed, unless
    the time was over before the request was sent."""

    code = "timeout"
    may_be_billed = True


class Unavailable(ProviderError):
    """The provider failed, is overloaded, or cannot be reached."""

    code = "unavailable"
    is_retryable = True
