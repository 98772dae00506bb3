"""What is retired is neither predicted nor learned, in any process, from the response until it is un-retired."""

from typing import Any

from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.history import Request


def refused_pattern(request: Request) -> str | None:
    """The name of the retired pattern because of which a learn was refused."""
    if request.status != 409 or not isinstance(request.answer, dict):
        return None
    error: dict[str, Any] = request.answer.get("error") or {}
    name = error.get("context", {}).get("pattern_name") if error.get("code") == "RETIRED_PATTERN" else None
    return name.removeprefix("PTRN|") if isinstance(name, str) else None


def hidden(node: Node, judge: Judge) -> None:
    """What was retired before a prediction began, and nobody tried to un-retire since, is not in it."""
    for read in node.predictions:
        shown = {entry["name"].removeprefix("PTRN|") for entry in read.answer["predictions"]}
        judge.compared(len(shown))
        for name in shown:
            witness = node.retirements.surely(name, read.start, read.end)
            if witness is not None:
                judge.violated(f"{name} is retired, and predicted", witness.told, read)


def not_learned(node: Node, judge: Judge) -> None:
    """Nor was it learned."""
    for name in node.learned.names():
        for lesson in node.learned.pattern(name).lessons:
            if not lesson.sure or lesson.name is None:
                continue
            judge.compared()
            witness = node.retirements.surely(name, lesson.start, lesson.end)
            if witness is not None:
                judge.violated(f"{name} is retired, and was learned", witness.told, lesson.request)


def refused(node: Node, judge: Judge) -> None:
    """A learn is refused because of a retired pattern only where somebody has retired it."""
    for request in node.requests:
        name = refused_pattern(request)
        if name is not None:
            judge.compared()
            if not node.retirements.perhaps(name, request.start, request.end):
                judge.violated(f"{name} is not retired, and was not learned", request)


RULES = (hidden, not_learned, refused)
