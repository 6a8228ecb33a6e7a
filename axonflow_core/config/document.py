"""YAML text to nodes that know their place.

Nodes are built from libyaml's events and not by PyYAML's constructor, for three reasons. A scalar
stays text, so that the type of its field decides its meaning: YAML 1.1 would read `no`, `007` and
`12:30:45` as a boolean, an octal number and a base-60 number. Every key and value keeps its line
and column. And a hostile file is refused at the first event that exceeds a limit: the size of the
file, the number of nodes with all aliases expanded, the keys of a section, the depth, and the text
that references expand to are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from attrs import field

from axonflow_core.config.faults import Fault, FaultyConfig, Place
from axonflow_core.config.nodes import Listing, Node, Scalar, Section, looks_secret
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.substitution import TooLong, Unsubstitutable, substitute
from axonflow_core.frozen import evolve, frozen

MAX_FILE_BYTES = 1_000_000
"""Larger files are refused unread."""
MAX_NODES = 20_000
"""Keys and values of one file with aliases expanded: 324 bytes of YAML can describe 387 million."""
MAX_DEPTH = 50
"""Sections and lists inside one another."""
MAX_KEYS = 2_000
"""Keys of one section; a key itself has up to `MAX_KEY_CHARACTERS`."""
MAX_KEY_CHARACTERS = 200
MAX_EXPANDED_CHARACTERS = 1_000_000
"""What the values of one file may have together once references are resolved: 20 kB of `${A}` with
a variable of 100 kB are 500 MB."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL_CHARACTER = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
)
_OF_NAMES = frozenset(
    tuple(path.split())
    for path in (
        "agents",
        "budgets",
        "llm_providers",
        "models",
        "policies actions",
        "policies clients",
        "policies models",
        "policies on_errors",
        "routing hedge",
        "routing shadow",
        "server clients",
        "server tenants",
    )
)
"""The sections whose keys are names that somebody gave: a client `secret-service` is no secret."""


@frozen
class Document:
    """A parsed file. `faults` are those that did not stop the parser."""

    root: Section
    faults: tuple[Fault, ...] = ()
    text: str = field(default="", repr=False)


def read_document(path: Path, environment: Mapping[str, str]) -> Document:
    """Read and parse the file. `FaultyConfig` where it cannot be read or is not a YAML mapping."""
    return parse_document(document_text(path), str(path), environment)


def document_text(path: Path) -> str:
    """The file's text. `FaultyConfig` where it cannot be read, is too large, or is not UTF-8 (with
    the place of the first invalid byte)."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _faulty(Place(str(path)), f"cannot read the file: {error.strerror}", None) from None
    if len(data) > MAX_FILE_BYTES:
        hint = "a configuration has a few kilobytes: is this the right file?"
        raise _faulty(Place(str(path)), f"the file is larger than {MAX_FILE_BYTES:,} bytes", hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        fault = Fault(_place_after(before, str(path)), message, "save the file as UTF-8")
        raise FaultyConfig(with_snippets([fault], before)) from None


def parse_document(text: str, path: str, environment: Mapping[str, str]) -> Document:
    """Parse `text`; faults name `path`. `FaultyConfig` as from `read_document`."""
    try:
        return evolve(_parse(text, path, environment), text=text)
    except FaultyConfig as faulty:
        raise FaultyConfig(with_snippets(faulty.faults, text)) from None


def _parse(text: str, path: str, environment: Mapping[str, str]) -> Document:
    """The document. Control characters are refused before YAML sees them: libyaml's message would
    have no place."""
    control = _CONTROL_CHARACTER.search(text)
    if control is not None:
        place = _place_after(text[: control.start()], path)
        raise _faulty(
            place,
            f"the control character U+{ord(control[0]):04X} is not allowed in YAML",
            "remove it",
        )
    reader = _Reader(path, environment)
    try:
        return reader.read(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise _syntax_fault(error, text, path) from None


def _place_after(text: str, path: str) -> Place:
    """The place of the character after `text`."""
    return Place(path, text.count("\n") + 1, len(text) - text.rfind("\n"))


def _faulty(place: Place, message: str, hint: str | None) -> FaultyConfig:
    return FaultyConfig([Fault(place, message, hint)])


def _placed_at(key: Place, value: Node) -> Node:
    """A section that is written below its key has the place of the key: what it lacks is not
    about the first of what it has."""
    is_below = isinstance(value, Section) and value.place.line > key.line
    return evolve(value, place=key) if is_below else value


# ── events to nodes ───────────────────────────────────────────────────────────────────────────────


class _Reader:
    """Builds the tree by recursion over the events. Faults after which reading can go on are
    collected; others are raised at once.
    """

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._faults: list[Fault] = []
        self._node_count = 0
        self._expanded_characters = 0
        self._is_secret = False
        self._above: tuple[str | None, ...] = ()
        """The keys above the value that is read."""
        self._depth = 0

    def read(self, events: Iterator[Any]) -> Document:
        """The document of the events. Raises for a second document and for a file that is no
        mapping."""
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _faulty(
                        self._place(event),
                        "a second document begins here",
                        "keep one document in the file",
                    )
                root = self._node(next(events), events)
        if isinstance(root, Section):
            return Document(root, tuple(self._faults))
        if root is None or (isinstance(root, Scalar) and root.is_null):
            raise _faulty(Place(self._path), "the file is empty", 'begin with: version: "1.0"')
        raise _faulty(
            root.place,
            "the file has no keys",
            'write lines of `key: value`; begin with: version: "1.0"',
        )

    def _place(self, event: Any) -> Place:
        return Place(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _count(self, nodes: int, place: Place) -> None:
        self._node_count += nodes
        if self._node_count > MAX_NODES:
            raise _faulty(
                place,
                f"the file has more than {MAX_NODES:,} values, aliases expanded",
                "use fewer values, or fewer aliases",
            )

    def _node(self, event: Any, events: Iterator[Any]) -> Node:
        """The node that begins with `event`; consumes the events of its content. Its size, aliases
        expanded, is kept with its anchor."""
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        counted_before = self._node_count
        self._count(1, place)
        self._check_tag(event, place)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        else:
            node = self._collection(event, events, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._node_count - counted_before)
        return node

    def _alias(self, anchor: str, place: Place) -> Node:
        """The anchored node itself, counted as often as it is used: an alias bomb exceeds
        `MAX_NODES` without being expanded."""
        if anchor not in self._anchors:
            raise _faulty(
                place,
                f"no anchor `&{anchor}` is complete before this alias",
                "define it above the alias, and not around it",
            )
        node, size = self._anchors[anchor]
        self._count(size, place)
        return node

    def _check_tag(self, event: Any, place: Place) -> None:
        """Record a fault for tags other than those of plain JSON values: `!!python/…` must never be
        constructed."""
        if event.tag not in _PLAIN_TAGS | {None, "!"}:
            self._faults.append(
                Fault(place, f"the tag {event.tag} is not supported", "write the value without it")
            )

    def _scalar(self, event: Any, place: Place) -> Scalar:
        """The scalar, with references resolved. One that cannot be resolved keeps its text and the
        problem."""
        is_quoted, written = bool(event.style), event.value
        room = MAX_EXPANDED_CHARACTERS - self._expanded_characters
        try:
            text = substitute(written, self._environment, room)
        except Unsubstitutable as problem:
            return Scalar(written, place, is_quoted, is_secret=self._is_secret, problem=problem)
        except TooLong as problem:
            raise _faulty(
                place,
                f"with {problem.name} here, the variables that the file refers to have more than "
                f"{MAX_EXPANDED_CHARACTERS:,} characters",
                "refer to it less often, or look at what it holds",
            ) from None
        self._expanded_characters += len(text) if text is not written else 0
        return Scalar(
            text, place, is_quoted, is_substituted=text != written, is_secret=self._is_secret
        )

    def _collection(self, event: Any, events: Iterator[Any], place: Place) -> Listing | Section:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _faulty(place, f"the file nests deeper than {MAX_DEPTH} levels", "nest less")
        is_list = isinstance(event, yaml.SequenceStartEvent)
        collection = self._listing(events, place) if is_list else self._section(events, place)
        self._depth -= 1
        return collection

    def _listing(self, events: Iterator[Any], place: Place) -> Listing:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events))
        return Listing(tuple(items), place)

    def _section(self, events: Iterator[Any], place: Place) -> Section:
        """The section. A duplicate key is a fault, and its first value counts; `<<` merges with
        lower precedence than the section's own keys."""
        values: dict[str, Node] = {}
        places: dict[str, Place] = {}
        merged: list[Section] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key_place = self._place(event)
            key = self._key(event, events)
            value = self._value(key, events)
            if key == "<<" and not event.style:
                merged += self._merged(value)
            elif key in places:
                message = f"duplicate key `{key}`; the first is on line {places[key].line}"
                self._faults.append(Fault(key_place, message, "keep one of them"))
            elif key is not None:
                values[key], places[key] = _placed_at(key_place, value), key_place
                self._check_keys(values, key_place)
        for section in merged:
            for key in section.keys() - values.keys():
                values[key], places[key] = section[key], section.place_of(key)
            self._check_keys(values, section.place)
        return Section(values, place, places)

    def _check_keys(self, values: Mapping[str, Node], place: Place) -> None:
        if len(values) > MAX_KEYS:
            raise _faulty(
                place,
                f"this section has more than {MAX_KEYS:,} keys",
                "a configuration has a few dozen: is this the right file?",
            )

    def _value(self, key: str | None, events: Iterator[Any]) -> Node:
        """The value of `key`, marked as secret if the key or one above it has a secret's name."""
        outer = self._is_secret, self._above
        is_setting = self._above not in _OF_NAMES
        self._is_secret = self._is_secret or (is_setting and looks_secret(key or ""))
        self._above = (*self._above, key)
        value = self._node(next(events), events)
        self._is_secret, self._above = outer
        return value

    def _key(self, event: Any, events: Iterator[Any]) -> str | None:
        """The key's text, None for a key that is no scalar, which is a fault."""
        key = self._node(event, events)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_KEY_CHARACTERS:
            message = f"a key of {len(event.value):,} characters"
            hint = f"a key has up to {MAX_KEY_CHARACTERS} characters"
            self._faults.append(Fault(key.place, message, hint))
            return None
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)  # references to variables are resolved in values only
        self._faults.append(Fault(key.place, "a key must be text", "write `key: value`"))
        return None

    def _merged(self, value: Node) -> Sequence[Section]:
        """The sections that a `<<` merges: one, or a list of them."""
        sections = value.items if isinstance(value, Listing) else (value,)
        found = [section for section in sections if isinstance(section, Section)]
        if len(found) < len(sections):
            self._faults.append(
                Fault(value.place, "`<<` merges sections only", "write `<<: *anchor`")
            )
        return found


# ── syntax ────────────────────────────────────────────────────────────────────────────────────────

_SYNTAX: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a second `:` on this line, or a wrong indentation",
        "indent all keys of a section equally; put a value that contains `: ` in quotes",
    ),
    (
        "exceeded maximum nesting depth",
        f"the file nests deeper than {MAX_DEPTH} levels",
        "nest less",
    ),
    (
        "did not find expected key",
        "the indentation of this line matches no section above it",
        "indent all keys of a section equally",
    ),
    (
        "did not find expected '-'",
        "this line is not an item of the list above it",
        "indent all items of a list equally",
    ),
    ("found a tab character", "this line is indented with a tab", "indent with spaces"),
    (
        "found unexpected end of stream",
        "the quotation mark here is not closed",
        "close it",
    ),
    (
        "found unknown escape character",
        "an unknown escape sequence in this quoted text",
        "write a backslash as `\\\\`, or use single quotes",
    ),
)
"""Part of libyaml's message (0.2.5) -> message, fix."""


def _syntax_fault(error: yaml.MarkedYAMLError, text: str, path: str) -> FaultyConfig:
    """libyaml's error in our words, with its place. For text that ends too early that is where the
    open quotation begins."""
    problem, mark = error.problem or "not YAML", error.problem_mark
    if "unexpected end of stream" in problem:
        mark = error.context_mark or mark
    if mark is None:
        return _faulty(Place(path), problem, None)
    place = Place(path, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    return _faulty(place, *_explain_syntax(problem, rest, error.context))


def _explain_syntax(problem: str, rest: str, context: str | None) -> tuple[str, str | None]:
    """(message, fix) for libyaml's message and the rest of the line; its own message where there is
    no better one."""
    if "flow" in (context or "") and "{" in rest[:2]:
        return (
            "`{` begins a section here",
            "inside [ ] and { } write references in quotes: " + '"${NAME}"',
        )
    if "cannot start any token" in problem:
        return _explain_character(rest[:1])
    for words, what, fix in _SYNTAX:
        if words in problem:
            return what, fix
    return f"{context}: {problem}" if context else problem, None


def _explain_character(character: str) -> tuple[str, str]:
    if character == "\t":
        return "this line is indented with a tab", "indent with spaces"
    return f"a value cannot begin with `{character}`", "put the value in quotes"
