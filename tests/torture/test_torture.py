"""A short run of the harness: a real service, clients, faults, and a checker that finds no broken promise."""

from pathlib import Path

import pytest

from benchmarks.torture.figures import figures_of
from benchmarks.torture.report import as_json, as_markdown
from benchmarks.torture.run import Settings, torture
from benchmarks.torture.service import Size

# The whole of it: `make torture`.
pytestmark = pytest.mark.long

QUICK = (
    "PostgreSQL cut before the answer",
    "Redis flushed",
    "a web worker killed",
    "stale entries planted",
)
SLOWEST = 30.0  # seconds; the machine of the tests is busy


def test_clients_of_a_service_that_breaks_see_every_promise_kept(tmp_path: Path) -> None:
    settings = Settings(
        seed=20261128,
        minutes=10.0,  # where the machine is busy; the number of faults ends it
        faults=len(QUICK),
        pace=0.4,
        only=QUICK,
        size=Size(workers=1, disk=400),
        verified=False,
    )
    history = tmp_path / "history.jsonl"
    run = torture(settings, history, lambda line: None)
    figures = figures_of(settings, run, history, slowest=SLOWEST)
    report = as_markdown(figures)
    assert figures.holds, report
    assert set(figures.kinds) >= set(QUICK), report
    assert figures.verdict.reads > 200, report
    assert figures.verdict.acknowledged > 100, report
    assert figures.events > 10, report
    assert '"broken": {}' in as_json(figures)
