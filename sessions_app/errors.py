"""What can go wrong with a session. `foundation/http/errors.py` turns these into HTTP answers, in one place."""


class SessionNotFound(Exception):
    """No such session: never created, deleted, or expired."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session {session_id} not found or expired")
        self.session_id = session_id


class InvalidConfiguration(Exception):
    """`problems`: configuration key → what it must be."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Configuration validation failed")
        self.problems = problems


class EmptyStm(Exception):
    """There is nothing to learn."""

    def __init__(self) -> None:
        super().__init__("Cannot learn from empty STM")


class IdempotencyKeyReused(Exception):
    """The key was used before for another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used before for a different request")
        self.key = key


class JobNotFound(Exception):
    """No such job: never accepted, or purged a week after it finished."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} not found")


class JobFinished(Exception):
    """What was asked for is not possible any more."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"Job {job_id} is {state} already")
