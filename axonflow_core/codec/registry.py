"""The codecs that are installed for one provider, of every kind, and which of them serves a model.

A codec is registered by a plugin under three names: its kind (`model`, `embedding`, …), its own
name (`family` or `family/variant`) and its surface (`invoke`, `converse`). Two codecs with the same
three are a fault of the installation and never settled by order. Which codec serves a model follows
from its base id: the longest claimed prefix wins, whoever registered it, so a plugin may claim one
model out of a family that another plugin serves.

    registry.find(FamilyCodec, "anthropic.claude-3-haiku-20240307-v1:0")   by base id
    registry.find_by_name(FamilyCodec, "llama/llama3")                     by its own name
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Protocol, TypeVar

from axonflow_core.codec import FamilyCodec
from axonflow_core.errors import ConfigError, UndetectedFamily
from axonflow_core.frozen import frozen


class AnyCodec(Protocol):
    """What codecs of every kind have: completions, embeddings, rankings, token counts. The registry
    and its listings read these and nothing else."""

    kind: ClassVar[str]

    @property
    def family(self) -> str: ...
    @property
    def variant(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def surface(self) -> str: ...
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def except_models(self) -> tuple[str, ...]: ...
    @property
    def evidence(self) -> str: ...


C = TypeVar("C", bound=AnyCodec)


@frozen
class RegisteredCodec:
    """A codec, and the distribution and version that registered it."""

    codec: AnyCodec
    distribution: str
    """The name of the Python distribution that offers it."""
    version: str
    """The version of that distribution."""


class CodecRegistry:
    """The codecs of one provider. A second claim to one kind, name and surface is an error that
    names both."""

    def __init__(self, registered: Iterable[RegisteredCodec] = ()) -> None:
        self._by_key: dict[tuple[str, str, str], RegisteredCodec] = {}
        for entry in registered:
            self.register(entry)

    def register(self, entry: RegisteredCodec) -> None:
        """Add a codec. `ConfigError` names both distributions where two offer
        one name on one surface."""
        codec = entry.codec
        other = self._by_key.setdefault((codec.kind, codec.name, codec.surface), entry)
        if other is not entry:
            raise ConfigError(
                f"two distributions offer a codec for the {codec.name} family on {codec.surface}: "
                f"{other.distribution} {other.version} and {entry.distribution} {entry.version}",
                hint=f"uninstall one of them, or block it: AXONFLOW_BLOCK_PLUGINS={codec.family}",
            )

    def __iter__(self) -> Iterator[RegisteredCodec]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def names(self) -> tuple[str, ...]:
        """The families of chat and text models."""
        return self.names_of(FamilyCodec)

    def names_of(self, kind: type[AnyCodec]) -> tuple[str, ...]:
        """The names of all codecs of a kind (`FamilyCodec`, `EmbeddingCodec`, …), sorted, each
        once."""
        return tuple(sorted({codec.name for codec in self.of_kind(kind)}))

    def for_base_id(self, base_id: str, surface: str = "invoke") -> FamilyCodec:
        """As `find`, for chat models."""
        return self.find(FamilyCodec, base_id, surface)

    def for_name(self, name: str, surface: str = "invoke") -> FamilyCodec:
        """As `find_by_name`, for chat models."""
        return self.find_by_name(FamilyCodec, name, surface)

    def find(self, kind: type[C], base_id: str, surface: str = "invoke") -> C:
        """The codec with the longest prefix of `base_id`; `UndetectedFamily` lists the installed
        families."""
        fits = [
            (len(prefix), codec)
            for codec in self.of_kind(kind)
            if codec.surface == surface
            for prefix in codec.models
            if base_id.startswith(prefix) and not base_id.startswith(codec.except_models)
        ]
        if not fits:
            raise UndetectedFamily(
                f"no {kind.kind} family is known for {base_id!r}",
                hint="check the spelling, choose another model, or name its family in the "
                "provider's configuration; installed are: "
                f"{', '.join(self.names_of(kind)) or 'none'}",
            )
        # A longer prefix is a more particular claim: `meta.llama3-1` goes before `meta.`.
        return max(fits, key=lambda fit: fit[0])[1]

    def forms_of(self, base_id: str, surface: str = "invoke") -> tuple[FamilyCodec, ...]:
        """The codec of `for_base_id`, then those whose form the model takes too."""
        first = self.for_base_id(base_id, surface)
        offered = {
            codec.name: codec for codec in self.of_kind(FamilyCodec) if codec.surface == surface
        }
        return (first, *(offered[name] for name in first.other_forms if name in offered))

    def find_by_name(self, kind: type[C], name: str, surface: str = "invoke") -> C:
        """The codec called `llama/llama3`, or `llama` where a family has one form only."""
        offered = [codec for codec in self.of_kind(kind) if codec.surface == surface]
        # An exact name first: one form of a family may have no variant, and then the family's name.
        exact = [codec for codec in offered if codec.name == name]
        variants = exact or [codec for codec in offered if codec.family == name]
        if len(variants) == 1:
            return variants[0]
        if variants:
            names = ", ".join(sorted(codec.name for codec in variants))
            raise UndetectedFamily(
                f"the {name} family has several forms: {names}",
                hint=f"name one of them, {variants[0].name} for example, or the model itself",
            )
        raise UndetectedFamily(
            f"no codec for a family {name!r} is installed",
            hint=f"there are: {', '.join(self.names_of(kind)) or 'none'}",
        )

    def of_kind(self, kind: type[C]) -> Iterator[C]:
        """Every codec of a kind, in the order of registration."""
        return (entry.codec for entry in self if isinstance(entry.codec, kind))
