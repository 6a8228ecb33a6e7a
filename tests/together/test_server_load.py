"""Mixed traffic over many connections, a durable audit on: every answer is as it is due, and there
are exactly as many records as answers that leave one. `python -m tests.bench server` does it for a
minute."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
def test_records_are_exactly_those_of_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from tests.bench.load import under_load
    from tests.bench.mixed import mixed
    from tests.bench.service import running_service

    with (
        running_service(with_tls=False) as service,
        under_load(tmp_path / "server", service.burst_url) as load,
    ):
        traffic = mixed(load, 5.0)
    sys.stdout.write(f"{traffic}\n")
    assert not traffic.wrong
    assert traffic.records == traffic.due
    assert sum(traffic.records.values()) > 100
    assert {200, 400, 403} == traffic.answers.keys()
