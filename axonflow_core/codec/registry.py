"""The codecs that are installed for one provider, of every kind, and which of them serves a model.

A codec is registered by a plugin under three names: its kind (`model`, `embedding`, …), its own
name (`family` or `family/variant`) and its surface (`invoke`, `converse`). Two codecs with the same
three are a fault of the installation and never settled by order. Which codec serves a model follows
from its base id: the longest claimed prefix wins, whoever registered it, so a plugin may claim one
model out of a family that another plugin serves.

A plugin that says beforehand what its codecs claim (`ProviderSpec.codec_claims`) is imported when
one of its claims is asked for; any other before the registry is made.

    registry.find(FamilyCodec, "anthropic.claude-3-haiku-20240307-v1:0")   by base id
    registry.find_by_name(FamilyCodec, "llama/llama3")                     by its own name
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Protocol, TypeAlias, TypeVar

from axonflow_core.codec import FamilyCodec
from axonflow_core.errors import ConfigError, UndetectedFamily
from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest


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
Key: TypeAlias = tuple[str, str, str]
"""Kind, name and surface."""


@frozen
class Claim:
    """What one codec is registered for."""

    kind: str
    name: str
    """`family`, or `family/variant`."""
    surface: str
    models: tuple[str, ...]
    """Prefixes of base ids."""

    @property
    def key(self) -> Key:
        """Kind, name and surface, which no two codecs of a provider have in common."""
        return self.kind, self.name, self.surface

    @property
    def family(self) -> str:
        """The name without its variant."""
        return self.name.partition("/")[0]


@frozen
class RegisteredCodec:
    """A codec, and the distribution and version that registered it."""

    codec: AnyCodec
    distribution: str
    """The name of the Python distribution that offers it."""
    version: str
    """The version of that distribution."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The one claim of this codec."""
        codec = self.codec
        return (Claim(codec.kind, codec.name, codec.surface, codec.models),)

    def load(self) -> Sequence[RegisteredCodec]:
        """This codec."""
        return (self,)


@frozen(eq=False)
class UnloadedCodecs:
    """The codecs of a plugin that is imported by the first call of `load`."""

    claims: Sequence[Claim]
    load: Callable[[], Sequence[RegisteredCodec]]
    distribution: str
    version: str


class CodecRegistry:
    """The codecs of one provider. A second claim to one kind, name and surface is an error that
    names both."""

    def __init__(self, registered: Iterable[RegisteredCodec | UnloadedCodecs] = ()) -> None:
        self._by_key: dict[Key, tuple[Claim, RegisteredCodec | UnloadedCodecs]] = {}
        for entry in registered:
            self.register(entry)

    def register(self, entry: RegisteredCodec | UnloadedCodecs) -> None:
        """Add a codec, or those of a plugin. `ConfigError` names both distributions where two offer
        one name on one surface."""
        for claim in entry.claims:
            _, other = self._by_key.setdefault(claim.key, (claim, entry))
            if other is not entry:
                raise _claimed_twice(claim, other, entry)

    def __iter__(self) -> Iterator[RegisteredCodec]:
        return self._loaded(lambda claim: True)

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def claims(self) -> Sequence[Claim]:
        """What the codecs are registered for. Nothing is imported for it."""
        return [claim for claim, _ in self._by_key.values()]

    def _loaded(self, is_wanted: Callable[[Claim], bool]) -> Iterator[RegisteredCodec]:
        """The codecs with such claims, in the order of registration."""
        for claim, entry in tuple(self._by_key.values()):
            if is_wanted(claim):
                yield from (one for one in entry.load() if one.claims[0].key == claim.key)

    @property
    def names(self) -> tuple[str, ...]:
        """The families of chat and text models."""
        return self.names_of(FamilyCodec)

    def names_of(self, kind: type[AnyCodec]) -> tuple[str, ...]:
        """The names of all codecs of a kind (`FamilyCodec`, `EmbeddingCodec`, …), sorted, each
        once."""
        return tuple(sorted({claim.name for claim in self.claims if claim.kind == kind.kind}))

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
            for codec in self._offered(
                kind, surface, lambda claim: base_id.startswith(claim.models)
            )
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
        others = self._offered(FamilyCodec, surface, lambda claim: claim.name in first.other_forms)
        offered = {codec.name: codec for codec in others}
        return (first, *(offered[name] for name in first.other_forms if name in offered))

    def find_by_name(self, kind: type[C], name: str, surface: str = "invoke") -> C:
        """The codec called `llama/llama3`, or `llama` where a family has one form only."""
        offered = list(
            self._offered(kind, surface, lambda claim: name in (claim.name, claim.family))
        )
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
        known = self.names_of(kind)
        near = nearest(name, known)
        raise UndetectedFamily(
            f"no codec for a family {name!r} is installed",
            hint=(f"did you mean `{near}`? " if near is not None else "")
            + f"there are: {', '.join(known) or 'none'}",
        )

    def of_kind(self, kind: type[C]) -> Iterator[C]:
        """Every codec of a kind, in the order of registration."""
        entries = self._loaded(lambda claim: claim.kind == kind.kind)
        return (entry.codec for entry in entries if isinstance(entry.codec, kind))

    def _offered(
        self, kind: type[C], surface: str, is_wanted: Callable[[Claim], bool]
    ) -> Iterator[C]:
        """The codecs of a kind on a surface whose claims are wanted."""
        entries = self._loaded(
            lambda claim: claim.kind == kind.kind and claim.surface == surface and is_wanted(claim)
        )
        return (entry.codec for entry in entries if isinstance(entry.codec, kind))


def _claimed_twice(
    claim: Claim,
    other: RegisteredCodec | UnloadedCodecs,
    entry: RegisteredCodec | UnloadedCodecs,
) -> ConfigError:
    return ConfigError(
        f"two distributions offer a codec for the {claim.name} family on {claim.surface}: "
        f"{other.distribution} {other.version} and {entry.distribution} {entry.version}",
        hint=f"uninstall one of them, or block it: AXONFLOW_BLOCK_PLUGINS={claim.family}",
    )
