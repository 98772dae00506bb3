"""Jobs: the state matches the progress, and the stored parts of the work match both."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from pydantic_core import from_json

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from sessions_app.models.jobs import UNFINISHED, Kind, State


def _sql_list(names: list[str] | tuple[str, ...]) -> str:
    return f"({', '.join(repr(str(name)) for name in names)})"


_OF_NODES = _sql_list((Kind.TRAIN.value, Kind.IMPORT.value))
_OPEN = f"state IN {_sql_list(tuple(state.value for state in UNFINISHED))}"
_IS_DONE = f"state = '{State.DONE.value}'"
_JOBS = f"""
    SELECT id, problem, repairable FROM sessions_app_job, LATERAL (VALUES
        (state IN {_sql_list(State.values)}, 'it has an unknown state', false),
        (kind IN {_sql_list(Kind.values)}, 'it has an unknown kind', false),
        (total >= 1 AND done BETWEEN 0 AND total, 'done is not between 0 and total', false),
        (kind IN {_OF_NODES} OR session_id IS NOT NULL, 'it has no session', false),
        (NOT {_IS_DONE} OR done = total, 'its state is done, but units of it are not', false),
        ({_IS_DONE} OR done <> total, 'all its units are done, but its state is not', {_OPEN}),
        ((finished_at IS NULL) = ({_OPEN}), 'finished_at does not match its state', true),
        (state <> '{State.FAILED.value}' OR error IS NOT NULL, 'it failed, but has no error', false)
    ) AS found (holds, problem, repairable)
    WHERE NOT holds AND {OF_NODE}
"""
_LOCK = "SELECT id FROM sessions_app_job WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_REPAIR_JOBS = f"""
    UPDATE sessions_app_job SET state = CASE WHEN {_OPEN} AND done = total THEN 'done' ELSE state END,
        finished_at = CASE WHEN {_OPEN} AND done < total THEN NULL ELSE COALESCE(finished_at, now()) END
    WHERE id = ANY(%(ids)s)
"""


def _find_inconsistent(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for job_id, problem, repairable in rows(snapshot, _JOBS, node=node_id):
        yield Fault((job_id,), f"job {job_id}: {problem}", repairable)


def _repair_jobs(connection: Connection, faults: list[Fault]) -> None:
    for statement in (_LOCK, _REPAIR_JOBS):
        connection.execute(statement, {"ids": [fault.key[0] for fault in faults]})


_UNNEEDED = f"job.id IS NULL OR {_IS_DONE}"
_UNNEEDED_PARTS = f"""
    SELECT job_id, part.number FROM sessions_app_jobpart AS part LEFT JOIN sessions_app_job AS job ON job.id = job_id
    WHERE ({_UNNEEDED}) AND {OF_NODE}
"""
_DELETE_PARTS = f"""
    DELETE FROM sessions_app_jobpart WHERE (job_id, number) IN (
        SELECT part.job_id, part.number FROM sessions_app_jobpart AS part
        JOIN unnest(%(ids)s::text[], %(numbers)s::int[]) AS given (job_id, number) USING (job_id, number)
        LEFT JOIN sessions_app_job AS job ON job.id = part.job_id WHERE {_UNNEEDED})
"""


def _find_unneeded_parts(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for job_id, number in rows(snapshot, _UNNEEDED_PARTS, node=node_id):
        yield Fault((job_id, number), f"job {job_id}, part {number}: no step will use it")


def _delete_parts(connection: Connection, faults: list[Fault]) -> None:
    ids, numbers = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE_PARTS, {"ids": ids, "numbers": numbers})


# The remaining work of each unfinished job: of a sequence all pieces, numbered from 0; of a training or an import the
# open batches.
_WORK = f"""
    SELECT job.id, kind, total - done AS remaining, part.number,
        CASE WHEN kind IN {_OF_NODES} THEN part.content END AS content
    FROM sessions_app_job AS job LEFT JOIN sessions_app_jobpart AS part ON part.job_id = job.id
    WHERE NOT {_IS_DONE} AND kind <> '{Kind.FINALIZE_TRAINING.value}' AND {OF_NODE}
    ORDER BY job.id, part.number
"""


class _Part(NamedTuple):
    """`number` is None for a job without parts; `content` is read for trainings and imports only."""

    job_id: str
    kind: str
    remaining: int
    number: int | None
    content: bytes | None


def _find_lost_parts(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    parts_of_all = map(_Part._make, rows(snapshot, _WORK, node=node_id))
    for (job_id, kind, remaining), parts in groupby(parts_of_all, key=attrgetter("job_id", "kind", "remaining")):
        if not _is_complete(kind, remaining, parts):
            what = f"job {job_id}: parts of its work are lost; cancel it, and send the request again"
            yield Fault((), what, repairable=False)


def _is_complete(kind: str, remaining: int, parts: Iterable[_Part]) -> bool:
    numbers, units = [], 0
    for part in parts:
        if part.number is not None:
            numbers.append(part.number)
        if part.content is not None:
            units += _count_lines(part.content) if kind == Kind.IMPORT else _count_sequences(part.content)
    if kind in (Kind.TRAIN, Kind.IMPORT):
        return units == remaining
    return bool(numbers) and numbers == list(range(len(numbers)))


def _count_sequences(content: bytes) -> int:
    try:
        given = from_json(bytes(content))
    except ValueError:
        return 0
    return len(given) if isinstance(given, list) else 0


def _count_lines(content: bytes) -> int:
    return sum(1 for _ in BytesIO(bytes(content)))


_LAST_NUMBER = """
    SELECT (SELECT max(number) FROM sessions_app_job), last_value, is_called FROM sessions_app_job_number
"""
_ADVANCE = """
    SELECT setval('sessions_app_job_number', GREATEST(%(highest)s, (SELECT last_value FROM sessions_app_job_number)))
"""


def _find_used_number(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for highest, last_value, is_called in rows(snapshot, _LAST_NUMBER):
        if highest is not None and highest >= last_value + is_called:
            yield Fault((highest,), f"the next job would be number {last_value + is_called}, but {highest} is in use")


def _advance(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_ADVANCE, {"highest": faults[0].key[0]})


CHECKS = [
    Check("jobs", "a job's state matches its progress", _find_inconsistent, _repair_jobs),
    Check("job-parts", "finished and deleted jobs have no parts", _find_unneeded_parts, _delete_parts),
    Check("job-work", "a job that is not done has all parts of its remaining work", _find_lost_parts),
    Check("job-numbers", "the number of the next job is not in use", _find_used_number, _advance, of_node=False),
]
