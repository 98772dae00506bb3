"""Errors about sessions and jobs."""

from typing import Any

from foundation.errors import BeyondLimit, Refusal


class SessionNotFound(Refusal):
    """No such session: never created, deleted, or expired."""

    status = 404

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session {session_id} not found or expired")
        self.session_id = session_id

    def body(self) -> dict[str, Any]:
        return {"error": {"code": "SESSION_NOT_FOUND", "message": str(self), "session_id": self.session_id}}


class InvalidConfiguration(Refusal):
    """`problems`: configuration key → what it must be."""

    status = 400
    exit_status = 2

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Configuration validation failed")
        self.problems = problems

    @property
    def detail(self) -> dict[str, Any]:
        return {"error": str(self), "validation_errors": self.problems}

    @property
    def explanation(self) -> str:
        return "; ".join(f"config.{key}: {problem}" for key, problem in self.problems.items())


class EmptyStm(Refusal):
    """There is nothing to learn."""

    status = 400

    def __init__(self) -> None:
        super().__init__("Cannot learn from empty STM")


class IdempotencyKeyReused(Refusal):
    """The key was used before for another request."""

    status = 422

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used before for a different request")
        self.key = key

    @property
    def detail(self) -> list[dict[str, Any]]:
        location = ["header", "Idempotency-Key"]
        return [{"type": "idempotency_key_reused", "loc": location, "msg": str(self), "input": self.key}]


class TooMuchLearning(BeyondLimit):
    """An observe-sequence whose observations complete so many long patterns that it would take minutes."""

    def __init__(self, *, symbols: int, characters: int) -> None:
        super().__init__(
            "too_much_learning",
            ["body", "observations"],
            f"The observations should not learn more than {symbols} symbols, of {characters} characters, in one "
            "request; send them in parts",
            max_symbols=symbols,
            max_characters=characters,
        )


class SessionTooLarge(BeyondLimit):
    """An observation that would make a session hold more than it may."""

    def __init__(self, *, limit: int, size: int) -> None:
        super().__init__(
            "session_too_large",
            ["body"],
            f"The session should hold at most {limit} bytes of JSON, not {size}; learn or clear its STM first",
            max_bytes=limit,
            actual_bytes=size,
        )


class JobNotFound(Refusal):
    """No such job: never accepted, or purged a week after it finished."""

    status = 404

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} not found")


class JobFinished(Refusal):
    """The job is finished, so there is nothing to cancel or retry."""

    status = 409

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"Job {job_id} is {state} already")


class NodeNotEmpty(Refusal):
    """An import that should begin with an empty node."""

    status = 409

    def __init__(self, node_id: str) -> None:
        super().__init__(f"Node {node_id!r} already knows something; import with add=true to add to it")
