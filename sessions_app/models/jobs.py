"""Tables of background work. Only the modules in `jobs/` write them."""

from django.db import models
from django.db.models import Func, Value

from foundation.postgresql.fields import TextFieldInC, VerbatimJSONField


class State(models.TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (State.WAITING, State.RUNNING)


class Kind(models.TextChoices):
    OBSERVE_SEQUENCE = "observe-sequence"
    FINALIZE_TRAINING = "finalize-training"
    TRAIN = "train"
    IMPORT = "import"


class Job(models.Model):
    """One piece of background work: its input, its progress, how it ended.

    A worker performs a job in steps. One transaction commits a step's effect and advances `done`. So each step happens
    once, however often the job is delivered and wherever a worker is killed.
    """

    id = TextFieldInC(primary_key=True)
    # The order of acceptance. Taken under the session's row lock where the job has a session, so there it is exact.
    number = models.BigIntegerField(unique=True, db_default=Func(Value("sessions_app_job_number"), function="nextval"))
    kind = TextFieldInC(choices=Kind.choices)
    node_id = TextFieldInC()
    session_id = TextFieldInC(null=True)
    # The access key that created it, and that it acts for; NULL where no key was needed.
    key_id = TextFieldInC(null=True)
    # Of the request that created the job; its log lines carry it too.
    trace_id = models.TextField(null=True)
    parameters = VerbatimJSONField()
    state = TextFieldInC(choices=State.choices, db_default=State.WAITING.value)
    total = models.BigIntegerField()
    done = models.BigIntegerField(db_default=0)
    result = VerbatimJSONField(null=True)
    # Why it failed, or why the last attempt did.
    error = models.TextField(null=True)
    # How often the current step was started: 1 unless something went wrong.
    attempts = models.IntegerField(db_default=0)
    created_at = models.DateTimeField()
    # When it became ready: its creation, or the end of a back-off.
    waiting_since = models.DateTimeField()
    # From then on the relay delivers it (again), unless a worker is working on it.
    due_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["node_id", "number"], name="job_node"),
            models.Index(fields=["due_at"], name="job_due", condition=models.Q(state__in=UNFINISHED)),
            models.Index(
                fields=["node_id", "session_id", "number"],
                name="job_unfinished",
                condition=models.Q(state__in=UNFINISHED),
            ),
            models.Index(fields=["finished_at"], name="job_finished_at"),
            models.Index(fields=["key_id", "number"], name="job_key", condition=models.Q(key_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.done / self.total


class JobPart(models.Model):
    """A piece of a job's input. The step that has processed it deletes it, so no step rewrites a long list."""

    pk = models.CompositePrimaryKey("job_id", "number")
    job_id = TextFieldInC()
    number = models.IntegerField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.job_id} {self.number}"
