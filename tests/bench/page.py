"""`python -m tests.bench.page RUN.json …`: runs of `python -m tests.bench --json` as the tables of
docs/performance.md. The first run has its costs, and every run a column of ratios."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from axonflow_core.json import loads


def tables(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a table for each section."""
    titles = [f"{run['python']}{', TLS' if run['tls'] else ''}" for run in runs]
    ratios = [{one["name"]: one for one in run["rows"]} for run in runs]
    for section in dict.fromkeys(one["section"] for run in runs for one in run["rows"]):
        names = dict.fromkeys(
            one["name"] for run in runs for one in run["rows"] if one["section"] == section
        )
        columns = [
            (title, rows) for title, rows in zip(titles, ratios, strict=True) if names.keys() & rows
        ]
        heads = " | ".join(title for title, _ in columns)
        yield f"| {section} | ours | baseline | {heads} | bar, goal |"
        yield f"|---|--:|--:|{'--:|' * len(columns)}--:|"
        for name in names:
            row = next(rows[name] for _, rows in columns if name in rows)
            cells = (_ratio(rows.get(name)) for _, rows in columns)
            bars = ", ".join(f"{row[key]}" for key in ("bar", "goal") if row[key] is not None)
            yield (
                f"| {name.replace('*', chr(92) + '*')} | {_time(row['ours_us'])} "
                f"| {_time(row['baseline_us'])} | {' | '.join(cells)} | {bars} |"
            )
        yield ""


def _ratio(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"**{row['ratio']:.2f}** {row['lowest']:.2f}–{row['highest']:.2f}"


def _time(us: float) -> str:
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} µs"


if __name__ == "__main__":
    runs = [loads(Path(path).read_bytes()) for path in sys.argv[1:]]
    sys.stdout.write("\n".join(tables(runs)))
