"""`python -m benchmarks.training`: a training run as one job, and the same as single requests."""

import argparse
import http.client
import json
import time

from benchmarks.engine_data import Events, Source
from benchmarks.load import CREATED, Job, Script, Step, create, observe_events
from benchmarks.services import Ours, ours_alone, tree_cpu
from benchmarks.stack import Worker
from katoproject.configuration.locations import postgres_url, redis_url

VOCABULARY = 5_000
CONNECTIONS = 16
SINGLE = 3_200  # sequences sent as single requests: enough to measure their rate
PER_JOB = 5_000  # sequences: the most events that one job may have
POLL = 0.05  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--sequences", type=int, default=100_000, help="of the training run (100000)")
    options = parser.parse_args()
    with ours_alone() as service:
        _compare(service, options.sequences)


def _compare(service: Ours, sequences: int) -> None:
    source = Source(VOCABULARY)
    print(f"{'sequences of 10 events, 20 symbols':<58}{'sequences/s':>12}{'CPU µs':>9}", flush=True)
    rates = []
    for name, creates in (
        ("create session, observe-sequence with learn_at_end", True),
        ("observe-sequence with learn_at_end, existing session", False),
    ):
        rows = [events for _, events, _ in source.rows(SINGLE)]
        rates.append(_report(name, SINGLE, *_one_by_one(service, rows, creates=creates)))
    data = service.data
    with Worker(KATO_DATA_DIR=str(data), DATABASE_URL=postgres_url(data), REDIS_URL=redis_url(data)) as worker:
        rows = [events for _, events, _ in source.rows(sequences)]
        seconds, cpu, accepted = _in_jobs(service, worker, rows)
    rates.append(_report(f"jobs of {PER_JOB}, {sequences} in all", sequences, seconds, cpu))
    print(
        f"\naccepted after {accepted:.1f} s, done after {seconds:.1f} s; "
        f"{rates[2] / rates[0]:.1f} times as fast as single requests, {rates[2] / rates[1]:.1f} times as fast as "
        "single requests to an existing session"
    )


def _report(name: str, sequences: int, seconds: float, cpu: float) -> float:
    rate = sequences / seconds
    print(f"{name:<58}{rate:>12.0f}{cpu / sequences * 1e6:>9.0f}", flush=True)
    return rate


def _one_by_one(service: Ours, rows: list[Events], *, creates: bool) -> tuple[float, float]:
    """Learn each sequence with a request of its own; return seconds, and CPU seconds of the whole service."""
    new = create("single")

    def steps(events: Events) -> list[Step]:
        learn = observe_events(CREATED, events, learn_at_end=True)
        return [new, learn] if creates else [learn]

    scripts = [
        Script([*([] if creates else [new]), *(step for events in rows[first::CONNECTIONS] for step in steps(events))])
        for first in range(CONNECTIONS)
    ]
    before = sum(service.costs().values())
    outcome = service.load.run(Job(service.port, scripts, seconds=300))
    if outcome.failed:
        raise RuntimeError(f"requests failed: {outcome.statuses}")
    return outcome.seconds, sum(service.costs().values()) - before


def _in_jobs(service: Ours, worker: Worker, rows: list[Events]) -> tuple[float, float, float]:
    """Train in jobs; return seconds from the first request until all are done, CPU seconds, seconds to accept them."""

    def cpu() -> float:
        return sum(service.costs().values()) + tree_cpu([worker.pid])

    before, begun = cpu(), time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    ids = []
    for start in range(0, len(rows), PER_JOB):
        body = json.dumps({"kind": "train", "node_id": "trained", "sequences": rows[start : start + PER_JOB]})
        connection.request("POST", "/jobs", body, {"Content-Type": "application/json"})
        ids.append(json.loads(connection.getresponse().read())["job_id"])
    accepted = time.perf_counter() - begun
    for job_id in ids:
        while (job := service.ask("GET", f"/jobs/{job_id}"))["state"] in ("waiting", "running"):
            time.sleep(POLL)
        if job["state"] != "done":
            raise RuntimeError(f"the job {job['state']}: {job['error']}")
    return time.perf_counter() - begun, cpu() - before, accepted


if __name__ == "__main__":
    main()
