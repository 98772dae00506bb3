"""Reading samples back: the same from every process of every instance."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter

from katoproject.monitoring.rolling import DAY, HOUR
from katoproject.monitoring.sampling import EVERY
from katoproject.monitoring.snapshot import Snapshot
from katoproject.monitoring.stores import MONITORING

# However long the window, an answer has about so many points a series: samples are left out evenly. Totals stay right.
_MOST_POINTS = 120

# The last sample of each step, of each run where an instance was started anew within it; and somewhat more than the
# window, because a difference at its beginning needs a sample from before it. The documents are read after the choice,
# which takes the narrow columns alone.
_WINDOW = """
    WITH chosen AS (
        SELECT instance, max(at) AS at FROM monitoring_sample
        WHERE at > now() - make_interval(secs => %(window)s + %(before)s)
        GROUP BY instance, started_at, floor(extract(epoch FROM at) / %(step)s)
    )
    SELECT snapshot::text FROM chosen JOIN monitoring_sample USING (instance, at) ORDER BY instance, at
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Two samples of one instance that follow each other; `before` is None where the instance began, or began anew."""

    before: Snapshot | None
    after: Snapshot


def steps(*, minutes: int, now: float) -> list[Step]:
    """The samples of the last minutes, each with the one before it, instance by instance, oldest first."""
    window = minutes * 60.0
    step = max(EVERY, window / _MOST_POINTS)
    distance = max(step, HOUR) if window > DAY else step
    rows = MONITORING.execute(_WINDOW, {"window": window, "step": step, "before": 1.5 * distance})
    samples = [Snapshot.model_validate_json(row[0]) for row in rows]
    found: list[Step] = []
    for _, of_instance in groupby(samples, key=attrgetter("instance")):
        for before, after in pairwise([None, *of_instance]):
            assert after is not None
            if after.at > now - window:
                same_run = before is not None and before.started_at == after.started_at
                found.append(Step(before if same_run else None, after))
    return sorted(found, key=lambda step: step.after.at)
