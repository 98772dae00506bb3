"""Correctness beside speed: how many acknowledged writes are lost, and how many deleted sessions come back."""

from dataclasses import dataclass
from statistics import median

from benchmarks.load import Job, Script, Step, event, observe
from benchmarks.services import Service

WORKERS = 4  # processes, the default of the service this project replaces
WRITERS = 200
DELETED = 100
OBSERVERS = 8  # in flight while a session is deleted


@dataclass(frozen=True)
class Faults:
    """Of WRITERS acknowledged observations and DELETED deleted sessions; medians over the trials."""

    lost_writes: float
    refused_writes: float
    resurrected: float


def faults_of(service: Service, *, trials: int) -> Faults:
    writes = [_concurrent_writes(service) for _ in range(trials)]
    return Faults(
        lost_writes=median(lost for lost, _ in writes),
        refused_writes=median(refused for _, refused in writes),
        resurrected=median(_resurrected(service) for _ in range(trials)),
    )


def _concurrent_writes(service: Service) -> tuple[int, int]:
    """Write on WRITERS connections at once; return how many writes were lost and how many were refused.

    A write is lost if it was acknowledged and is not in the STM.
    """
    [session_id] = service.seed(1)
    scripts = [Script([observe(session_id, event(n))]) for n in range(WRITERS)]
    outcome = service.load.run(Job(service.port, scripts))
    kept = service.ask("GET", f"/sessions/{session_id}/stm")["length"]
    return WRITERS - outcome.failed - kept, outcome.failed


def _resurrected(service: Service) -> int:
    """Delete sessions while clients observe; return how many exist afterwards."""
    alive = 0
    for session_id in service.seed(DELETED):
        observation = Script([observe(session_id, event(0))])
        deletion = Script([Step("DELETE", f"/sessions/{session_id}")])
        half = [observation] * (OBSERVERS // 2)
        service.load.run(Job(service.port, [*half, deletion, *half]))
        alive += service.ask("GET", f"/sessions/{session_id}/exists")["exists"]
    return alive
