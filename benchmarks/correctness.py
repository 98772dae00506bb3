"""What a figure of speed is worth: which acknowledged writes are kept, and which deleted sessions stay deleted."""

import json
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Job, Script, Step
from benchmarks.services import Service, event

WORKERS = 4  # processes, as the service this replaces is shipped
WRITERS = 200
DELETED = 100
OBSERVERS = 8  # in flight while a session is deleted


@dataclass(frozen=True)
class Faults:
    """Of WRITERS acknowledged observations, of DELETED deleted sessions; medians over the trials."""

    lost_writes: float
    refused_writes: float
    resurrected: float


def faults_of(service: Service, *, trials: int) -> Faults:
    writes = [_write_at_once(service) for _ in range(trials)]
    return Faults(
        lost_writes=median(lost for lost, _ in writes),
        refused_writes=median(refused for _, refused in writes),
        resurrected=median(_resurrected(service) for _ in range(trials)),
    )


def _write_at_once(service: Service) -> tuple[int, int]:
    """Acknowledged observations that are not in the STM, and refused ones: each writer on a new connection."""
    [session_id] = service.seed(1)
    steps = [Step("POST", f"/sessions/{session_id}/observe", json.dumps(event(n))) for n in range(WRITERS)]
    outcome = service.load.run(Job(service.port, [Script([step]) for step in steps]))
    kept = service.ask("GET", f"/sessions/{session_id}/stm")["length"]
    return WRITERS - outcome.failed - kept, outcome.failed


def _resurrected(service: Service) -> int:
    alive = 0
    for session_id in service.seed(DELETED):
        observation = Script([Step("POST", f"/sessions/{session_id}/observe", json.dumps(event(0)))])
        deletion = Script([Step("DELETE", f"/sessions/{session_id}")])
        half = [observation] * (OBSERVERS // 2)
        service.load.run(Job(service.port, [*half, deletion, *half]))
        alive += service.ask("GET", f"/sessions/{session_id}/exists")["exists"]
    return alive
