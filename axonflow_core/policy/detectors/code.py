"""Code in Markdown: what an answer shows there, it explains.

Never run `rm -rf /`.          an inline span, on one line
```sql                         a fence, to the next one or to the end
DROP TABLE customers;
```
"""

from __future__ import annotations

import re
from bisect import bisect_right

from axonflow_core.policy.searches import Find, Spans
from axonflow_core.policy.views import View

_CODE = re.compile(rb"(```|~~~).*?(?:\1|\Z)|(`+)[^`\n]+\2", re.DOTALL)


def outside_code(find: Find) -> Find:
    """Finds what `find` does, save what lies within code."""

    def find_outside(view: View) -> Spans:
        spans = find(view)
        if not spans or (b"`" not in view.data and b"~~~" not in view.data):
            return spans
        code = [match.span() for match in _CODE.finditer(view.data)]
        starts = [start for start, _ in code]
        return [
            (start, end)
            for start, end in spans
            if (at := bisect_right(starts, start)) == 0 or code[at - 1][1] < end
        ]

    return find_outside
