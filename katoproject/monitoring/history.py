"""Reading samples back, with the same result in every process of every instance."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter

from katoproject.monitoring.rolling import DAY, HOUR
from katoproject.monitoring.snapshot import Snapshot
from katoproject.monitoring.stores import MONITORING

EVERY = 10.0  # seconds between two samples of one instance
# However long the window, a series has about this many points: samples are left out evenly. Totals stay exact.
_MOST_POINTS = 120

# The last sample of each step, and of each run if an instance was restarted within the step. The query begins before
# the window, because a difference at its beginning needs a sample from before it. The samples are chosen by the narrow
# columns alone; only the chosen documents are read.
_WINDOW = """
    WITH chosen AS (
        SELECT instance, max(at) AS at FROM monitoring_sample
        WHERE at > now() - make_interval(secs => %(window)s + %(before)s) AND at <= now()
        GROUP BY instance, started_at, floor(extract(epoch FROM at) / %(step)s)
    )
    SELECT extract(epoch FROM now() - at)::float8, snapshot::text
    FROM chosen JOIN monitoring_sample USING (instance, at) ORDER BY instance, at
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Two consecutive samples of one instance; `before` is None for the first sample after a start."""

    before: Snapshot | None
    after: Snapshot


def dated(text: str, at: float) -> Snapshot:
    """A stored sample. `at`: when it was stored, by the reader's clock; the sample itself says it by its host's."""
    found = Snapshot.model_validate_json(text)
    found.at = at
    return found


def steps(*, minutes: int, now: float) -> list[Step]:
    """The samples of the last minutes, oldest first, each with the one before it of the same instance."""
    window = minutes * 60.0
    step = max(EVERY, window / _MOST_POINTS)
    distance = max(step, HOUR) if window > DAY else step
    rows = MONITORING.execute(_WINDOW, {"window": window, "step": step, "before": 1.5 * distance})
    samples = [dated(text, now - age) for age, text in rows]
    found: list[Step] = []
    for _, of_instance in groupby(samples, key=attrgetter("instance")):
        for before, after in pairwise([None, *of_instance]):
            assert after is not None
            if after.at > now - window:
                same_run = before is not None and before.started_at == after.started_at
                found.append(Step(before if same_run else None, after))
    return sorted(found, key=lambda step: step.after.at)
