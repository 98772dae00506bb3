"""Each response by itself (docs/specification/http.md 0.4, 1 and 5). The workload sends valid requests only."""

from benchmarks.torture.checker.report import Judge, Report
from benchmarks.torture.checker.retirement import refused_pattern
from benchmarks.torture.history import Operation, Request

OF_A_SESSION = frozenset({200, 404})

STATUSES: dict[Operation, frozenset[int]] = {
    "create": frozenset({200}),
    "observe": OF_A_SESSION,
    "sequence": OF_A_SESSION,
    "learn": OF_A_SESSION | {400},
    "clear_stm": OF_A_SESSION,
    "clear_all": OF_A_SESSION,
    "retire": OF_A_SESSION,
    "un_retire": OF_A_SESSION,
    "purge": OF_A_SESSION,
    "delete": OF_A_SESSION,
    "extend": OF_A_SESSION,
    "configure": OF_A_SESSION,
    "read_session": OF_A_SESSION,
    "read_stm": OF_A_SESSION,
    "read_config": OF_A_SESSION,
    "predict": OF_A_SESSION,
    "submit": frozenset({202, 404}),
    "read_job": frozenset({200}),
}
LEARNING: frozenset[Operation] = frozenset({"observe", "sequence", "learn"})
NO_SUCH_ROUTE = {"detail": "Not Found"}


def status(request: Request, judge: Judge) -> None:
    """A response has a status that is specified for the operation: 2xx, 404 for a session that is gone, 400 for
    learning an empty STM, 409 for learning a retired pattern, 422 for a key that was used for another request, 503
    while a store or the service cannot serve."""
    if request.status is None or request.status == 503:
        return
    judge.compared()
    allowed = request.status in STATUSES[request.operation] or (
        request.status == 422 and request.idempotency_key is not None
    )
    if request.operation == "learn" and request.status == 400:
        allowed = "empty stm" in str(request.answer).lower()
    if request.operation in LEARNING and request.status == 409:
        allowed = refused_pattern(request) is not None
    if not allowed:
        judge.violated(f"{request.operation} was answered {request.status}", request)


def body(request: Request, judge: Judge) -> None:
    """A 2xx brings JSON, and a 404 names what is gone: it never says that there is no such route."""
    if request.status is None or not (request.status < 300 or request.status == 404):
        return
    judge.compared()
    if request.answer is None:
        judge.violated(f"{request.status} without JSON", request)
    elif request.answer == NO_SUCH_ROUTE:
        judge.violated("an operation that exists was answered as an unknown path", request)


def consistent(request: Request, judge: Judge) -> None:
    """A response does not contradict itself or what was asked: it counts what it brings, each prediction is there once,
    every observation of a sequence has its result, and a job is the one that was asked for."""
    if not isinstance(request.answer, dict) or request.status != 200:
        return
    judge.compared()
    answer = request.answer
    match request.operation:
        case "read_stm" if answer["length"] != len(answer["stm"]):
            judge.violated(f"{len(answer['stm'])} events, of which it counts {answer['length']}", request)
        case "predict":
            names = [entry["name"] for entry in answer["predictions"]]
            if answer.get("count", len(names)) != len(names) or len(set(names)) < len(names):
                judge.violated(f"predictions of {len(set(names))} patterns, counted {answer.get('count')}", request)
        case "sequence":
            number = len(request.arguments["observations"])
            told = {answer.get("observations_processed", number), len(answer.get("results", range(number)))}
            if told != {number}:
                judge.violated(f"{number} observations, the response tells of {sorted(told)}", request)
        case "read_job" if answer.get("job_id", request.arguments["job_id"]) != request.arguments["job_id"]:
            judge.violated("the response is of another job", request)


def retry_after(request: Request, judge: Judge) -> None:
    """A 503 says in Retry-After after how many seconds to try again: one at least."""
    if request.status != 503:
        return
    judge.compared()
    if request.retry_after is None or not (request.retry_after.isdecimal() and int(request.retry_after)):
        judge.violated(f"503 with Retry-After {request.retry_after!r}", request)


def duration(request: Request, judge: Judge, slowest: float) -> None:
    """A request ends within the stated time, whatever is broken."""
    judge.compared()
    if request.end - request.start > slowest:
        judge.violated(f"it took {request.end - request.start:.1f} s, the bound is {slowest:g} s", request)


class Answers:
    def __init__(self, report: Report, *, slowest: float) -> None:
        self._slowest = slowest
        self._rules = [(rule, Judge.of(rule, report)) for rule in (status, body, consistent, retry_after)]
        self._time = Judge.of(duration, report)

    def judge(self, request: Request) -> None:
        for rule, judge in self._rules:
            rule(request, judge)
        duration(request, self._time, self._slowest)
