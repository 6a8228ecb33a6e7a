"""Names that a model takes, made from any others: total, without collisions, and the same for the
same names.

A name that is right stays as it is. Of one that is not, a stand-in takes the place of each wrong
character; where that makes another name of the request, the name's own digest tells the two apart.
So a conversation that goes on is spelled as before, and what a provider has cached of it stays
cached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import count

from attrs import field

from axonflow_core.frozen import frozen

_DIGEST_CHARACTERS = 8
"""Hexadecimal digits that tell two names apart: a collision in a request of 100 names has a
probability of one in a million."""


@frozen
class NameRule:
    """What names a model takes, and how any other name becomes one of them.

    `characters` are those of a name, as a regular expression's class has them between brackets:
    `NameRule("a-zA-Z0-9_-", 64)`. `max_length` is in characters.
    """

    characters: str
    max_length: int
    """The most characters of a name."""
    stand_in: str = "_"
    """What a wrong character becomes."""
    single: str = ""
    """A character of which two in a row are wrong."""
    min_length: int = 1
    """The least characters of a name."""
    also: str = ""
    """A regular expression of other names that are right: those that the service made itself."""
    _right: re.Pattern[str] = field(init=False, repr=False, eq=False)
    _wrong: re.Pattern[str] = field(init=False, repr=False, eq=False)

    @_right.default
    def _pattern_of_right(self) -> re.Pattern[str]:
        """A whole name that is right: its characters, its length, and no pair of `single`."""
        no_pair = f"(?!.*[{self.single}]{{2}})" if self.single else ""
        right = rf"{no_pair}[{self.characters}]{{{self.min_length},{self.max_length}}}"
        return re.compile(f"{right}|{self.also}" if self.also else right)

    @_wrong.default
    def _pattern_of_wrong(self) -> re.Pattern[str]:
        """One wrong character, to be replaced; the second of a pair of `single` is wrong too."""
        return re.compile(
            rf"[^{self.characters}]"
            + (rf"|(?<=[{self.single}])[{self.single}]" if self.single else "")
        )

    @property
    def pattern(self) -> str:
        """As a regular expression, to be shown."""
        return f"^[{self.characters}]{{{self.min_length},{self.max_length}}}$"

    def accepts(self, name: str) -> bool:
        """Whether `name` may be sent as it is. An empty name may not."""
        return self._right.fullmatch(name) is not None

    def of(self, names: Iterable[str]) -> Mapping[str, str]:
        """The names that must be spelled otherwise, and how. The results differ from each other and
        from every name."""
        names = dict.fromkeys(names)
        wrong = [name for name in names if not self.accepts(name)]
        taken = names.keys() - wrong if wrong else set()
        spelled = {}
        for name in wrong:
            spelled[name] = next(other for other in self._attempts(name) if other not in taken)
            taken.add(spelled[name])
        return spelled

    def _attempts(self, name: str) -> Iterator[str]:
        """Candidates for `name`, without end: the name with stand-ins, then the same cut short with
        8 hexadecimal digits of SHA-256. The digest depends on the name alone, so the result is the
        same in every process."""
        plain = self._wrong.sub(self.stand_in, name)[: self.max_length]
        if self.accepts(plain):
            yield plain
        head = plain[: self.max_length - _DIGEST_CHARACTERS]
        length = max(_DIGEST_CHARACTERS, self.min_length - len(head))
        for number in count():
            # `surrogatepass`: a name is checked by its rule and not by UTF-8.
            digest = sha256(f"{number} {name}".encode("utf-8", "surrogatepass")).hexdigest()
            yield f"{head}{digest[:length]}"
