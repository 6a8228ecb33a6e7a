"""What is called: a route that the model alone decides, and a call that one request adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from attrs import field

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.fitting import Fitted
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Timeouts
from axonflow_core.messages import EMPTY, FailedAttempt, Json, hidden
from axonflow_core.provider import EncodedCall

from .surface import Surface

C_co = TypeVar("C_co", covariant=True)


@frozen(kw_only=True)
class Route:
    """Where the calls of one chat model go, and in which native JSON."""

    model: str
    """As the caller or the configuration names it."""
    called: str
    """The id that is sent."""
    codec: Codec
    facts: ModelFacts
    surface: Surface
    address: Any = None
    """The plugin's own form of `called`."""


@frozen(kw_only=True)
class UnaryRoute(Generic[C_co]):
    """As `Route`, for embeddings, rankings and token counts."""

    model: str
    called: str
    codec: C_co
    facts: ModelFacts
    operation: str
    headers: Mapping[str, str] = EMPTY
    wrap: Callable[[Json], Json] | None = None
    """Puts the service's own members around the codec's body: `{"model": …}`."""
    address: Any = None

    def body_of(self, request: Any) -> Json:
        """What is sent for `request`. `EncodeError`."""
        codec: Any = self.codec
        body: Json = codec.encode_request(request, self.facts)
        return body if self.wrap is None else self.wrap(body)


class AnyRoute(Protocol):
    """What every call says of where it goes."""

    @property
    def model(self) -> str: ...
    @property
    def called(self) -> str: ...
    @property
    def address(self) -> Any: ...


@frozen(kw_only=True)
class Call:
    """What every attempt sends, and the deadline of them all."""

    route: AnyRoute
    operation: str
    """What the plugin makes a URL of."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent besides what proves the caller's identity."""
    body: bytes = hidden()
    timeouts: Timeouts
    """What is left for the present attempt."""
    started: float
    """On the clock of `waiting`, as `ends_at`."""
    ends_at: float
    given_s: float | None = None
    """What the caller gave for all that has this deadline; None: `timeouts.total_s`."""
    earlier_attempts: tuple[FailedAttempt, ...] = ()
    """Attempts of another call that this one stands in for: under an id that was refused."""


@frozen(kw_only=True)
class CompletionCall(Call):
    """A call of a chat model."""

    route: Route
    fitted: Fitted
    is_streamed: bool
    is_native: bool = False
    """Whether a client's own body is sent, in the model's form: then the answer's bytes are the
    client's too."""

    @property
    def encoded(self) -> EncodedCall:
        """What would be sent."""
        return EncodedCall(
            family=self.route.codec.name, surface=self.route.surface.name, body=self.body
        )
