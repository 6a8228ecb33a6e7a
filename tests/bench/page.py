"""`python -m tests.bench.page RUN.json …`: runs of `python -m tests.bench --json` as the tables of
docs/performance.md. The first run has its costs, and every run a column of ratios."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from axonflow_core.json import loads

from .rows import cost_of


def tables(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a table for each section."""
    titles = [f"{run['python']}{', TLS' if run['tls'] else ''}" for run in runs]
    ratios = [{(one["section"], one["name"]): one for one in run["rows"]} for run in runs]
    for section in dict.fromkeys(one["section"] for run in runs for one in run["rows"]):
        keys = dict.fromkeys(key for rows in ratios for key in rows if key[0] == section)
        columns = [
            (title, rows)
            for title, rows in zip(titles, ratios, strict=True)
            if keys.keys() & rows.keys()
        ]
        heads = " | ".join(title for title, _ in columns)
        yield f"| {section} | ours | baseline | {heads} | bar, goal |"
        yield f"|---|--:|--:|{'--:|' * len(columns)}--:|"
        for key in keys:
            row = next(rows[key] for _, rows in columns if key in rows)
            cells = (_ratio(rows.get(key)) for _, rows in columns)
            bars = ", ".join(f"{row[key]}" for key in ("bar", "goal") if row[key] is not None)
            yield (
                f"| {key[1].replace('*', chr(92) + '*')} | {_cost(row, 'ours')} "
                f"| {_cost(row, 'theirs')} | {' | '.join(cells)} | {bars} |"
            )
        yield ""


def _ratio(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"**{row['ratio']:.2f}** {row['lowest']:.2f}–{row['highest']:.2f}"


def _cost(row: Mapping[str, Any], whose: str) -> str:
    return cost_of(row[whose], row["unit"]).replace("us", "µs")


if __name__ == "__main__":
    runs = [loads(Path(path).read_bytes()) for path in sys.argv[1:]]
    sys.stdout.write("\n".join(tables(runs)))
