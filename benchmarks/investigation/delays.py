"""The time from one process's acknowledgement of a write until another process shows it, for both services."""

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.investigation.findings import Of, Table
from benchmarks.investigation.schedules import SERVICES
from katoproject.diagnosis.latency import (
    LONG,
    SHORT,
    Distribution,
    Pair,
    learn_then_predict,
    observe_then_read,
    two_processes,
)
from katoproject.diagnosis.remote import BaseUrl, Connection

# The most samples of learning: each takes 0.2 s in the baseline, by construction.
OF_LEARNING = 25


def measured(baseline_redis: str, our_url: str, *, samples: int) -> Table:
    table = Table("write to read", SERVICES)
    app = "benchmarks.baseline.faults:complete"
    one, other = BaselineProcess(baseline_redis, app=app), BaselineProcess(baseline_redis, app=app)
    with running(one, other):
        of_old = _distributions(Pair(_connected(one.port), _connected(other.port), are_two_processes=True), samples)
    with two_processes(BaseUrl.parse(our_url)) as pair:
        assert pair.are_two_processes
        of_ours = _distributions(pair, samples)
    for old, ours in zip(of_old, of_ours, strict=True):
        is_last = old is of_old[-1]
        table.compare(f"{old.name} (ms)", _of_learning(old) if is_last else _of(old), _of(ours))
    return table


def _connected(port: int) -> Connection:
    return Connection(BaseUrl("http", "127.0.0.1", port, ""), "127.0.0.1")


def _distributions(pair: Pair, samples: int) -> list[Distribution]:
    return [
        observe_then_read(pair, SHORT, samples)[0],
        *observe_then_read(pair, LONG, samples),
        learn_then_predict(pair, min(samples, OF_LEARNING)),
    ]


def _of(row: Distribution) -> Of:
    return Of("never too early", _text(row), row.too_early == 0)


def _of_learning(row: Distribution) -> Of:
    """For the baseline, which stores a learned pattern after its response."""
    return Of("always too early", _text(row), row.too_early >= len(row.times))


def _text(row: Distribution) -> str:
    figures = ", ".join(f"{name} {value:.1f}" for name, value in row.in_milliseconds().items())
    return f"{figures} (of {len(row.times)})"
