"""What of a call in a vendor's dialect was not done as it was asked, in a header of the answer.

    x-axonflow-adjustments: anthropic_beta: 1 of 3 not sent; builtin_tools: web_search not offered

It names parameters and what became of them, and no content; why stands in the record. Of a stream
it says what was known when the stream began. A reader of the header gets printable ASCII, of a
bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from axonflow_core.messages import EMPTY, Adjustment

HEADER = "x-axonflow-adjustments"
MAX_ITEM = 120
"""Characters of one adjustment."""
MAX_ITEMS = 16
"""Of more, the header has the number."""
_ODD = re.compile(r"[^ -:<-~]")
"""What is no printable ASCII, and the `;` between two."""


def header_of(adjustments: Sequence[Adjustment]) -> Mapping[str, str]:
    """The header; none, where everything was done as it was asked."""
    if not adjustments:
        return EMPTY
    said = (f"{each.feature}: {each.what}" for each in adjustments)
    items = list(dict.fromkeys(_ODD.sub("?", each[:MAX_ITEM]) for each in said))
    more = len(items) - MAX_ITEMS
    told = [*items[:MAX_ITEMS], f"and {more} more"] if more > 0 else items
    return {HEADER: "; ".join(told)}
