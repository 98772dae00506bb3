"""Jobs: their state fits their progress, and what is left of their work fits both."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from pydantic_core import from_json

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from sessions_app.models.jobs import UNFINISHED, Kind, State


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return f"({', '.join(repr(str(name)) for name in names)})"


_OPEN = f"state IN {_listed(tuple(state.value for state in UNFINISHED))}"
_IS_DONE = f"state = '{State.DONE.value}'"
_JOBS = f"""
    SELECT id, problem, repairable FROM sessions_app_job, LATERAL (VALUES
        (state IN {_listed(State.values)}, 'it is in a state that there is not', false),
        (kind IN {_listed(Kind.values)}, 'it is of a kind that there is not', false),
        (total >= 1 AND done BETWEEN 0 AND total, 'more is done than there is to do', false),
        (kind = '{Kind.TRAIN.value}' OR session_id IS NOT NULL, 'it is about no session', false),
        (NOT {_IS_DONE} OR done = total, 'it is called done and is not', false),
        ({_IS_DONE} OR done <> total, 'all of it is done, but it is not called so', {_OPEN}),
        ((finished_at IS NULL) = ({_OPEN}), 'its end does not fit its state', true),
        (state <> '{State.FAILED.value}' OR error IS NOT NULL, 'it failed without a reason', false)
    ) AS found (holds, problem, repairable)
    WHERE NOT holds AND {OF_NODE}
"""
_LOCK = "SELECT id FROM sessions_app_job WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_REPAIR_JOBS = f"""
    UPDATE sessions_app_job SET state = CASE WHEN {_OPEN} AND done = total THEN 'done' ELSE state END,
        finished_at = CASE WHEN {_OPEN} AND done < total THEN NULL ELSE COALESCE(finished_at, now()) END
    WHERE id = ANY(%(ids)s)
"""


def _jobs(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for job_id, problem, repairable in rows(snapshot, _JOBS, node=node_id):
        yield Fault((job_id,), f"job {job_id}: {problem}", repairable)


def _repair_jobs(connection: Connection, faults: list[Fault]) -> None:
    for statement in (_LOCK, _REPAIR_JOBS):
        connection.execute(statement, {"ids": [fault.key[0] for fault in faults]})


_USELESS = f"job.id IS NULL OR {_IS_DONE}"
_LEFT_OVER = f"""
    SELECT job_id, part.number FROM sessions_app_jobpart AS part LEFT JOIN sessions_app_job AS job ON job.id = job_id
    WHERE ({_USELESS}) AND {OF_NODE}
"""
_DELETE_PARTS = f"""
    DELETE FROM sessions_app_jobpart WHERE (job_id, number) IN (
        SELECT part.job_id, part.number FROM sessions_app_jobpart AS part
        JOIN unnest(%(ids)s::text[], %(numbers)s::int[]) AS given (job_id, number) USING (job_id, number)
        LEFT JOIN sessions_app_job AS job ON job.id = part.job_id WHERE {_USELESS})
"""


def _left_over(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for job_id, number in rows(snapshot, _LEFT_OVER, node=node_id):
        yield Fault((job_id, number), f"job {job_id}, part {number}: nobody will work on it")


def _delete_parts(connection: Connection, faults: list[Fault]) -> None:
    ids, numbers = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE_PARTS, {"ids": ids, "numbers": numbers})


# The work that is still ahead of a job: a sequence as a whole, in pieces from the first one on; a training in batches.
_WORK = f"""
    SELECT job.id, kind, total - done, part.number, CASE WHEN kind = '{Kind.TRAIN.value}' THEN part.content END
    FROM sessions_app_job AS job LEFT JOIN sessions_app_jobpart AS part ON part.job_id = job.id
    WHERE NOT {_IS_DONE} AND kind <> '{Kind.FINALIZE_TRAINING.value}' AND {OF_NODE}
    ORDER BY job.id, part.number
"""


def _work(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for (job_id, kind, ahead), parts in groupby(rows(snapshot, _WORK, node=node_id), key=itemgetter(0, 1, 2)):
        numbers, sequences = [], 0
        for _, _, _, number, content in parts:
            if number is not None:
                numbers.append(number)
                sequences += _sequences(content) if content is not None else 0
        is_whole = numbers == list(range(len(numbers))) and bool(numbers) if kind != Kind.TRAIN else sequences == ahead
        if not is_whole:
            what = f"job {job_id}: what it works on is not all there; cancel it, and send the request again"
            yield Fault((), what, repairable=False)


def _sequences(content: bytes) -> int:
    try:
        given = from_json(bytes(content))
    except ValueError:
        return 0
    return len(given) if isinstance(given, list) else 0


_NUMBERS = """
    SELECT (SELECT max(number) FROM sessions_app_job), last_value, is_called FROM sessions_app_job_number
"""
_COUNT_ON = """
    SELECT setval('sessions_app_job_number', GREATEST(%(highest)s, (SELECT last_value FROM sessions_app_job_number)))
"""


def _numbers(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for highest, last_value, is_called in rows(snapshot, _NUMBERS):
        if highest is not None and highest >= last_value + is_called:
            yield Fault((highest,), f"the next job would be number {last_value + is_called}, but {highest} is in use")


def _count_on(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_COUNT_ON, {"highest": faults[0].key[0]})


CHECKS = [
    Check("jobs", "a job's state fits what is done", _jobs, _repair_jobs),
    Check("job-parts", "nothing is kept of jobs that are done or gone", _left_over, _delete_parts),
    Check("job-work", "a job that is not done has all that is still to do", _work),
    Check("job-numbers", "the number of the next job is not in use", _numbers, _count_on, of_node=False),
]
