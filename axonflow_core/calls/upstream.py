"""The service that a provider calls, as its plugin describes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from axonflow_core.errors import AxonFlowError, ProviderError
from axonflow_core.frozen import frozen
from axonflow_core.http.client import HttpRequest

from .retries import Retries
from .route import Call


@frozen(kw_only=True)
class Terms:
    """What the service's own settings say of calls."""

    region: str | None = None
    retries: Retries = Retries()


class Upstream(ABC):
    """A service, as a plugin describes it. Only `request` and `error` must be written.

    What waits here waits by `axonflow_core.waiting`, so that it ends with the call's deadline and
    works in a blocking runtime.
    """

    request_id_header = "x-request-id"
    """The header of an answer that holds the provider's id of the call; lower case."""
    unreadable_hint = (
        "check that the endpoint is the service itself, and that the model is one of this family"
    )
    """The hint of an answer that the codec cannot read."""

    preparation = "preparing the call"
    """What `request` does before a call can be sent, for the error of a call whose time is over
    by then."""

    async def terms(self) -> Terms:
        """Region and retries. Called for every call, so what is slow is kept."""
        return _NO_TERMS

    @abstractmethod
    async def request(self, call: Call) -> HttpRequest:
        """The attempt, addressed and signed anew. `call.timeouts` is what it may take."""

    @abstractmethod
    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        """The error that an answer other than 200 stands for. Returned, not raised; it never fails
        itself, whatever stands in `body`."""

    def hint(self, error: ProviderError) -> str | None:
        """How the operator mends `error`, whether a status, a whole answer or a stream reported it;
        None for no advice. A hint that the error has already stays."""
        return None

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        """Whether what `error` refused was mended since `request` was signed: other credentials, a
        corrected clock. Asked at most once a call; then the call is made again at once."""
        return False

    def answered(self, call: Call, elapsed_s: float) -> None:  # noqa: B027 - a hook, not a duty
        """A call was answered, or its first event has come, after so many seconds. For warnings;
        does nothing by default."""


_NO_TERMS = Terms()
