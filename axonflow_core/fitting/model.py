"""The model that a request is made to fit, as the steps see it."""

from __future__ import annotations

from enum import StrEnum

from attrs import field

from axonflow_core.codec import Codec, Feature, ModelFacts, ReasoningControls
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import frozen
from axonflow_core.messages import Adjustment, ToolChoiceMode


class Unsupported(StrEnum):
    """What happens to a parameter that a model does not take."""

    REPORT = "report"
    ERROR = "error"


@frozen
class Model:
    """What a step knows of the model, and where it reports what it changed."""

    codec: Codec
    facts: ModelFacts
    unsupported: Unsupported
    is_streamed: bool
    client: Codec | None = None
    """The codec of the dialect that the request came in; None where a program made it."""
    output_tools: list[str] = field(factory=list)
    """The tool, if any, that stands in for an output schema."""
    adjustments: list[Adjustment] = field(factory=list)
    tool_names: dict[str, str] = field(factory=dict)
    document_names: dict[str, str] = field(factory=dict)
    call_ids: dict[str, str] = field(factory=dict)
    """Names as they are sent -> as the caller knows them."""

    def takes(self, feature: Feature) -> bool:
        """Whether the model has the feature: its family does, and nothing is known against it."""
        in_family = feature in self.codec.features or feature in self.codec.joins
        return in_family and feature not in self.facts.without

    @property
    def is_crossing(self) -> bool:
        """Whether the request comes from another dialect than that of the model's family."""
        return is_crossing(self.client, self.codec)

    @property
    def reasoning_controls(self) -> ReasoningControls | None:
        return self.facts.reasoning or self.codec.reasoning

    @property
    def keeps_signatures(self) -> bool:
        """Whether a signature in the history reaches the model, and not only the text under it."""
        return (
            Feature.SIGNED_REASONING in self.codec.features
            and Feature.SIGNED_REASONING not in self.facts.without
        )

    @property
    def has_other_signer(self) -> bool:
        """Whether signatures of the client's dialect are another vendor's than the model's."""
        theirs = self.client.reasoning if self.client is not None else None
        ours = self.reasoning_controls
        if theirs is None or ours is None or None in (theirs.signer, ours.signer):
            return False
        return theirs.signer != ours.signer

    @property
    def default_max_tokens(self) -> int | None:
        return self.facts.default_max_tokens or self.codec.default_max_tokens

    @property
    def name(self) -> str:
        return self.facts.base_id or f"the {self.codec.name} family"

    @property
    def tool_choices(self) -> frozenset[ToolChoiceMode]:
        """The modes of choice that the model takes, none where its family has no choice."""
        if not self.takes(Feature.TOOL_CHOICE):
            return frozenset()
        return (
            frozenset(ToolChoiceMode)
            if self.facts.tool_choices is None
            else self.facts.tool_choices
        )

    def drops(self, feature: str, what: str, why: str) -> None:
        """Report that a parameter is not sent; `EncodeError` where the operator wants refusals."""
        if self.unsupported is Unsupported.ERROR:
            raise EncodeError(
                f"{self.name} cannot take {feature} as asked: {why}",
                feature=feature,
                hint="leave it out, or set `unsupported: report` in the provider's config to have "
                "it left out and reported",
            )
        self.changes(feature, what, why)

    def changes(self, feature: str, what: str, why: str) -> None:
        """Report that the same is sent in another form."""
        self.adjustments.append(Adjustment(feature, what, why))

    def refuses(self, feature: str, why: str, hint: str) -> EncodeError:
        """The error of what the model cannot take; the caller raises it."""
        return EncodeError(f"{self.name} cannot take {feature}: {why}", feature=feature, hint=hint)


def is_crossing(client: Codec | None, codec: Codec) -> bool:
    """Whether `client` has another dialect than `codec`."""
    if client is None or client.name == codec.name:
        return False
    return client.dialect is None or client.dialect != codec.dialect
