"""One step of each kind of job. It runs in the transaction that also records the job's progress."""

from collections import Counter
from collections.abc import Callable
from io import BytesIO

from django.conf import settings
from pydantic import TypeAdapter
from pydantic_core import to_json

from memory_app.files import node_files
from memory_app.reads import nodes
from sessions_app import operations
from sessions_app.counters import count_on_commit
from sessions_app.errors import NodeNotEmpty
from sessions_app.jobs.deferrable import finalize_training, observe_sequence
from sessions_app.models.jobs import Job, JobPart, Kind
from sessions_app.shapes import bodies
from sessions_app.shapes.observation_input import make_training_observation

_SEQUENCES = TypeAdapter(list[list[bodies.TrainingEvent]])

# Takes the job as the last step left it; returns the units done after this step, and the result so far, as JSON.
Step = Callable[[Job], tuple[int, bytes]]


def _observe_sequence(job: Job) -> tuple[int, bytes]:
    """The whole job: a sequence is observed as a whole or not at all."""
    parts = JobPart.objects.filter(job_id=job.id)
    body = b"".join(bytes(part.content) for part in parts.order_by("number"))
    given = bodies.ObserveSequence.model_validate_json(body)
    answer = observe_sequence(_session_of(job), given, neighbour_seconds=float("inf"))
    parts.delete()
    return job.total, answer


def _finalize_training(job: Job) -> tuple[int, bytes]:
    return job.total, finalize_training(_session_of(job), seconds=None)


def _session_of(job: Job) -> str:
    assert job.session_id is not None
    return str(job.session_id)


def _train(job: Job) -> tuple[int, bytes]:
    """One part of the job: a batch of sequences, each learned as by a session of its own."""
    [part] = JobPart.objects.filter(job_id=job.id).order_by("number")[:1]
    sequences = [
        [make_training_observation(event) for event in given] for given in _SEQUENCES.validate_json(bytes(part.content))
    ]
    learned = operations.train(node_id=job.node_id, config=job.parameters["config"], sequences=sequences)
    count_on_commit(observations=sum(map(len, sequences)), patterns=learned)
    JobPart.objects.filter(job_id=job.id, number=part.number).delete()
    done = job.done + len(sequences)
    before: int = job.result["patterns_learned"] if job.result else 0
    return done, to_json({"sequences": done, "patterns_learned": before + learned})


def _import(job: Job) -> tuple[int, bytes]:
    """One part of the job: a batch of lines of a node's file."""
    if job.done == 0 and not job.parameters["add"] and nodes.knows_something(job.node_id):
        raise NodeNotEmpty(job.node_id)
    [part] = JobPart.objects.filter(job_id=job.id).order_by("number")[:1]
    lines = [line for _, line in node_files.read(BytesIO(bytes(part.content)))]
    node_files.add_lines(job.node_id, lines, job.parameters["window"], largest=settings.ENV.limit_pattern)
    JobPart.objects.filter(job_id=job.id, number=part.number).delete()
    result = Counter({"patterns": 0, "affinities": 0, "retirements": 0})
    result.update(job.result or {})
    result["patterns"] += sum(isinstance(line, node_files.Pattern) for line in lines)
    result["affinities"] += sum(isinstance(line, node_files.Affinity) for line in lines)
    result["retirements"] += sum(isinstance(line, node_files.Retired) for line in lines)
    return job.done + len(lines), to_json(result)


STEPS: dict[str, Step] = {
    Kind.OBSERVE_SEQUENCE: _observe_sequence,
    Kind.FINALIZE_TRAINING: _finalize_training,
    Kind.TRAIN: _train,
    Kind.IMPORT: _import,
}
