"""From a write's acknowledgement by one process to another process's answer that shows it, for both services."""

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.investigation.findings import Table
from katoproject.latency import LONG, SHORT, Distribution, Pair, learn_then_predict, observe_then_read, two_processes
from katoproject.remote import BaseUrl, Connection

# At most so many of learning: in the baseline each takes 0.2 s, which is written into it.
OF_LEARNING = 25


def measured(baseline_redis: str, our_url: str, *, samples: int) -> Table:
    table = Table("write to read")
    app = "benchmarks.baseline.faults:complete"
    one, other = BaselineProcess(baseline_redis, app=app), BaselineProcess(baseline_redis, app=app)
    with running(one, other):
        pair = Pair(_connected(one.port), _connected(other.port), are_two_processes=True)
        _add(table, "baseline", _distributions(pair, samples), learns_late=True)
    with two_processes(BaseUrl.parse(our_url)) as pair:
        assert pair.are_two_processes
        _add(table, "this service", _distributions(pair, samples), learns_late=False)
    return table


def _connected(port: int) -> Connection:
    return Connection(BaseUrl("http", "127.0.0.1", port, ""), "127.0.0.1")


def _distributions(pair: Pair, samples: int) -> list[Distribution]:
    return [
        observe_then_read(pair, SHORT, samples)[0],
        *observe_then_read(pair, LONG, samples),
        learn_then_predict(pair, min(samples, OF_LEARNING)),
    ]


def _add(table: Table, service: str, rows: list[Distribution], *, learns_late: bool) -> None:
    for row in rows:
        figures = ", ".join(f"{name} {value:.1f}" for name, value in row.in_milliseconds().items())
        late = learns_late and row is rows[-1]
        claim = "every first answer too early" if late else "no answer too early"
        holds = row.too_early >= len(row.times) if late else row.too_early == 0
        table.add(f"{service}: {row.name}", claim, f"{figures} ms, of {len(row.times)}", holds)
