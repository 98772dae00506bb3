"""Requests under one Idempotency-Key (docs/specification/http.md 0.7). The rules about what they do find out whether
they did it once: to those, the requests of one key are one act."""

from collections.abc import Iterable, Iterator

from benchmarks.torture.checker.acts import Outcome, body_of, outcome_of
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.history import Request


def _by_key(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Of one session, or of the creations and training runs of one node."""
    found: dict[str, list[Request]] = {}
    for request in requests:
        if request.idempotency_key is not None:
            found.setdefault(request.idempotency_key, []).append(request)
    for attempts in found.values():
        yield sorted(attempts, key=lambda request: request.start)


def _done(attempts: Iterable[Request]) -> list[Request]:
    return [request for request in attempts if outcome_of(request) is Outcome.DONE]


def same_answer(requests: list[Request], judge: Judge) -> None:
    """Every success under one key is the first one: same status, same body."""
    for attempts in _by_key(requests):
        firsts: dict[str, Request] = {}
        for request in _done(attempts):
            judge.compared()
            first = firsts.setdefault(body_of(request), request)
            if (first.status, first.answer) != (request.status, request.answer):
                judge.violated("two responses", first, request)


def performed_once(requests: list[Request], judge: Judge) -> None:
    """Of the successes under one key, one was performed; the others are marked as repeated, and repeat one that was
    performed, or one without a response."""
    for attempts in _by_key(requests):
        done = _done(attempts)
        performed = [request for request in done if not request.replayed]
        judge.compared()
        if len(performed) > 1:
            judge.violated("it was performed again", *performed[:2])
        elif done and not performed and not any(outcome_of(request) is Outcome.UNKNOWN for request in attempts):
            judge.violated("it repeats a request that nobody made", done[0])


def one_request_per_key(requests: list[Request], judge: Judge) -> None:
    """A key that has performed one request is refused for another one, and no key is refused that was not used for
    another."""
    for attempts in _by_key(requests):
        for request in attempts:
            others = [other for other in attempts if body_of(other) != body_of(request)]
            judge.compared()
            if request.status == 422 and not any(other.start < request.end for other in others):
                judge.violated("the key was not used for another request", request)
            if outcome_of(request) is Outcome.DONE:
                for other in _done(others):
                    if other.end < request.start:
                        judge.violated("the key was taken for another request, too", other, request)


def only_with_a_key(requests: list[Request], judge: Judge) -> None:
    """A request without a key is performed: its response is not marked as repeated."""
    for request in requests:
        if request.idempotency_key is None and request.status is not None:
            judge.compared()
            if request.replayed:
                judge.violated("it repeats a request although it has no key", request)


RULES = (only_with_a_key, same_answer, performed_once, one_request_per_key)
