"""Code in Markdown: what an answer shows there, it explains.

Never run `rm -rf /`.          an inline span, on one line
```sql                         a fence, to the next one or to the end
DROP TABLE customers;
```
<pre><code>DROP TABLE customers;</code></pre>

A statement is where it begins: patterns of statements may run on to the end of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import takewhile

from axonflow_core.policy.searches import Find, Spans
from axonflow_core.policy.views import View

_CODE = re.compile(
    rb"(?P<fence>```|~~~).*?(?P<fence_end>(?P=fence)|\Z)|(?P<ticks>`+)[^`\n]+(?P=ticks)"
    rb"|<(?P<tag>pre|code)\b[^<>]*>.*?(?P<tag_end></(?P=tag)>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_MARKS = (b"`", b"~", b"<")
_BEGUN = re.compile(rb"(?P<ticks>`+)[^`\n]*\Z|~{1,2}\Z|</?[a-z]{0,4}\Z", re.IGNORECASE)
"""A span that is not over, or half of a mark."""
_HALF = re.compile(rb"`{1,2}\Z|~{1,2}\Z|</?[a-z]{0,4}\Z", re.IGNORECASE)
"""Half of a mark at the end of code."""


def open_code(text: str) -> str:
    """What to put before the text that follows `text`, so that code that is not over in `text` goes
    on there."""
    if "`" not in text and "~" not in text and "<" not in text:
        return ""
    data, end = text.encode("utf-8", "surrogatepass"), 0
    for match in _CODE.finditer(data):
        end = match.end()
        if b"" in (match["fence_end"], match["tag_end"]):
            mark = match["fence"] or b"<" + match["tag"] + b">"
            half = _HALF.search(data, match.start() + len(mark))
            return (mark + b"\n" + (half[0] if half else b"")).decode()
    begun = _BEGUN.search(data, end)
    if begun is None:
        return ""
    ticks = begun["ticks"]
    return begun[0].decode() if begun[0] == ticks or not ticks else ticks.decode() + " "


def outside_code(find: Find) -> Find:
    """Finds what `find` does, save what begins within code."""

    def find_outside(view: View) -> Spans:
        spans = find(view)
        if not spans or not any(mark in view.data for mark in _MARKS):
            return spans
        spans_of_code = (match.span() for match in _CODE.finditer(view.data))
        code = list(takewhile(lambda span: span[0] <= spans[-1][0], spans_of_code))
        starts = [start for start, _ in code]
        return [
            (start, end)
            for start, end in spans
            if (at := bisect_right(starts, start)) == 0 or code[at - 1][1] <= start
        ]

    return find_outside
