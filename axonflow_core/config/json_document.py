"""JSON text to nodes that know their place, for files whose name says that they are JSON.

YAML reads most JSON, and not all of it: a tab that indents, an escaped pair of surrogates. Here the
text is checked by the parser of JSON, and then read once more for the places.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import deque
from pathlib import Path

from axonflow_core.config.document import (
    MAX_DEPTH,
    MAX_NODES,
    Document,
    document_text,
)
from axonflow_core.config.faults import Fault, FaultyConfig, Place
from axonflow_core.config.nodes import Listing, Node, Scalar, Section
from axonflow_core.config.snippets import with_snippets

MAX_WORDS = 8 * MAX_NODES
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def read_json_document(path: Path) -> Document:
    """Read and parse the file. `FaultyConfig`, with line and column, where it is no JSON object."""
    text = document_text(path)
    try:
        return Document(_root(text, str(path)), text=text)
    except FaultyConfig as faulty:
        raise FaultyConfig(with_snippets(faulty.faults, text)) from None


def _root(text: str, path: str) -> Section:
    """The object of a whole text."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = Place(path, error.lineno, error.colno)
        raise _faulty(place, f"not JSON: {error.msg}", "correct it here or before") from None
    except RecursionError:
        raise _faulty(Place(path), "the file nests too deep", "nest less") from None
    node = _Reader(text, path).node()
    if not isinstance(node, Section):
        raise _faulty(node.place, "the file has no keys", 'write an object: {"rules": […]}')
    return node


class _Reader:
    """Reads the words of a text that is JSON: strings, numbers, names and signs."""

    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._words = deque((found[0], found.start()) for found in _WORD.finditer(text))
        if len(self._words) > MAX_WORDS:
            raise _faulty(Place(path), f"the file has more than {MAX_WORDS:,} words", "use fewer")

    def node(self, depth: int = 0) -> Node:
        """The value that begins with the next word."""
        word, place = self._next()
        if depth > MAX_DEPTH:
            raise _faulty(place, f"the file nests deeper than {MAX_DEPTH} levels", "nest less")
        match word:
            case "{":
                return self._section(place, depth)
            case "[":
                return self._listing(place, depth)
        is_quoted = word.startswith('"')
        return Scalar(json.loads(word) if is_quoted else word, place, is_quoted)

    def _next(self) -> tuple[str, Place]:
        word, start = self._words.popleft()
        line = bisect_right(self._lines, start)
        return word, Place(self._path, line, start - self._lines[line - 1] + 1)

    def _section(self, place: Place, depth: int) -> Section:
        values, places = dict[str, Node](), dict[str, Place]()
        while (found := self._next())[0] != "}":
            word, at = self._next() if found[0] == "," else found
            key = json.loads(word)
            if key in places:
                raise _faulty(at, f"duplicate key `{key}`", "keep one of them")
            self._next()  # the colon
            places[key], values[key] = at, self.node(depth + 1)
        return Section(values, place, places)

    def _listing(self, place: Place, depth: int) -> Listing:
        items = list[Node]()
        while self._words[0][0] != "]":
            if self._words[0][0] == ",":
                self._next()
            items.append(self.node(depth + 1))
        self._next()
        return Listing(tuple(items), place)


def _faulty(place: Place, message: str, hint: str) -> FaultyConfig:
    return FaultyConfig([Fault(place, message, hint)])
