"""One round of one scenario against one service, and the summary of several rounds."""

from dataclasses import dataclass, replace
from statistics import median

from benchmarks.scenarios import Scenario
from benchmarks.services import Service

WARM_UP = 0.25  # of a round
# Seconds; a round ends then even if it has not sent all its requests, so that a whole run is bounded.
LONGEST = 2.0


@dataclass(frozen=True)
class Round:
    """The unit of a time is in its name; `cpu` is in µs per request, by part of the service."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu: dict[str, float]
    requests: int
    failed: int
    # How busy the load generator was; near 1 the figures describe it, not the service.
    load_generator: float

    @property
    def cpu_us(self) -> float:
        return sum(self.cpu.values())


def measure(scenario: Scenario, service: Service, scale: float) -> Round:
    requests = int(scenario.requests * scale)
    with scenario.prepared(service, requests) as job:
        before = service.costs()
        outcome = service.load.run(replace(job, seconds=LONGEST * scale))
        after = service.costs()
    times = sorted(outcome.latencies)
    return Round(
        per_second=len(times) / outcome.seconds,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        cpu={part: (after[part] - before[part]) / len(times) * 1e6 for part in after},
        requests=len(times),
        failed=outcome.failed,
        load_generator=outcome.cpu / outcome.seconds,
    )


@dataclass(frozen=True)
class Comparison:
    """With one baseline. `ratio`: of our CPU per request to its; `target`: the highest acceptable one."""

    round: Round
    ratio: float
    target: float | None


@dataclass(frozen=True)
class Row:
    """`durable` is None for what the durable baseline does not have."""

    scenario: str
    ours: Round
    baseline: Comparison
    durable: Comparison | None


def typical(rounds: list[Round]) -> Round:
    """The median of each figure."""
    return Round(
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
        cpu={part: median(one.cpu.get(part, 0.0) for one in rounds) for part in rounds[0].cpu},
        requests=sum(one.requests for one in rounds),
        failed=sum(one.failed for one in rounds),
        load_generator=median(one.load_generator for one in rounds),
    )


def growth(short: Scenario, full: Scenario, service: Service, *, rounds: int, scale: float) -> float:
    """The ratio of the CPU of a request of `full` to one of `short`, from alternating rounds."""
    pairs = [(measure(short, service, scale), measure(full, service, scale)) for _ in range(rounds)]
    return median(second.cpu_us / first.cpu_us for first, second in pairs)


def compare(
    scenario: Scenario, ours: Service, baseline: Service | Round, durable: Service, *, rounds: int, scale: float
) -> Row:
    """Alternate rounds of all services, so that other load affects all alike; or ours beside a known round."""
    sides: list[Service | Round] = [ours, baseline, *([durable] if scenario.durable_target else [])]
    for side in sides:
        if isinstance(side, Service):
            measure(scenario, side, scale * WARM_UP)
    measured = [
        [measure(scenario, side, scale) if isinstance(side, Service) else side for side in sides] for _ in range(rounds)
    ]
    ours_rounds, *others = zip(*measured, strict=True)
    compared = [
        Comparison(
            typical(list(theirs)),
            median(first.cpu_us / second.cpu_us for first, second in zip(ours_rounds, theirs, strict=True)),
            target,
        )
        for theirs, target in zip(others, (scenario.target, scenario.durable_target), strict=False)
    ]
    return Row(scenario.name, typical(list(ours_rounds)), compared[0], compared[1] if len(compared) > 1 else None)
