"""A second opinion: the STM part of a history, as Elle and its checkers of list-append histories read it.

`python -m benchmarks.torture.elle HISTORY OUTPUT.edn`, then for example
`java -jar elle-cli.jar --model list-append OUTPUT.edn` (https://github.com/ligurio/elle-cli).

Elle knows lists that only grow. An STM does, from the creation of its session, or from a clear or learn, up to the next
request that may remove events. Each such stretch is one list:

* It begins again after a clear or learn that was acknowledged, that no other request overlapped, and before which every
  write was answered. Otherwise the session's later requests are left out, because it is not known to which stretch
  they belong.
* It ends with the first request that may remove something, and before the thousandth event.
* Sessions that learn automatically, and those that observe words, which are not unique, are left out.

An acknowledged request is `:ok`, a refused one `:fail`, one without a response `:info`. Requests that repeat one under
its Idempotency-Key are one operation. A sequence is one transaction of several appends.
"""

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from benchmarks.torture.checker.acts import Outcome
from benchmarks.torture.checker.session import LIMIT, Session
from benchmarks.torture.checker.sorting import Sorted, groups, sort
from benchmarks.torture.checker.writes import Cut, Write, writes_of
from benchmarks.torture.history import Request, refusing

NANOSECONDS = 1_000_000_000

_ENDS: dict[Outcome, Literal["ok", "fail", "info"]] = {
    Outcome.DONE: "ok",
    Outcome.REFUSED: "fail",
    Outcome.UNKNOWN: "info",
}


@dataclass(frozen=True, slots=True)
class Operation:
    start: float
    end: float
    type: Literal["ok", "fail", "info"]
    number: int
    """Of the request."""
    appends: tuple[str, ...] = ()
    read: tuple[str, ...] | None = None


@dataclass
class Stretch:
    """One list."""

    session: str
    operations: list[Operation] = field(default_factory=list)


def _append(write: Write, until: float) -> Operation:
    """`until`: when the stretch ends. What ends later may belong to the next one, or be removed at once."""
    kind = _ENDS[write.act.outcome]
    if kind == "ok" and write.act.end >= until:
        kind = "info"
    refused = write.act.outcome is Outcome.REFUSED
    end = write.act.requests[-1].end if refused else write.act.end
    return Operation(write.act.start, end, kind, write.act.told.number, appends=write.events)


def _stretches(session: Session, reads: list[Request]) -> Iterator[Stretch]:
    if session.words or session.lengths:
        return
    writes = sorted(writes_of(session), key=lambda write: write.act.start)
    reads = [read for read in reads if read.status == 200]
    begin = -math.inf
    for place, write in enumerate([*writes, None]):
        if write is not None and (write.cut is Cut.NEVER or write.act.refused):
            continue
        until = write.act.start if write is not None else math.inf
        yield _stretch(session, writes, reads, begin, until)
        if write is None or not _separates(write, writes[:place], writes[place + 1 :], reads):
            return
        begin = write.act.end


def _separates(cut: Write, before: Iterable[Write], after: Iterable[Write], reads: Iterable[Request]) -> bool:
    """Whether everything else surely came before it, or after it."""
    return (
        cut.act.done
        and not cut.visible
        and all(write.act.end < cut.act.start or write.act.refused for write in before)
        and all(write.act.start > cut.act.end for write in after)
        and all(read.end < cut.act.start or read.start > cut.act.end for read in reads)
    )


def _stretch(session: Session, writes: list[Write], reads: list[Request], begin: float, until: float) -> Stretch:
    found = Stretch(session.id)
    appended = 0
    for write in writes:
        if write.cut is Cut.NEVER and begin < write.act.start < until:
            appended += len(write.events)
            if appended >= LIMIT:
                until = write.act.start
                break
            found.operations.append(_append(write, until))
    for read in reads:
        if begin < read.start and read.end < until:
            shown = tuple(" ".join(sorted(event)) for event in read.answer["stm"])
            found.operations.append(Operation(read.start, read.end, "ok", read.number, read=shown))
    return found


class Edn:
    """Writes operations in the order in which they began and ended, each on a line."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches = stretches
        self._elements: dict[str, int] = {}
        self._free: list[int] = []
        self._processes = 0

    def _value(self, key: int, operation: Operation, *, done: bool) -> str:
        if operation.read is not None:
            shown = " ".join(str(self._element(event)) for event in operation.read)
            return f"[[:r {key} {f'[{shown}]' if done else 'nil'}]]"
        return f"[{' '.join(f'[:append {key} {self._element(event)}]' for event in operation.appends)}]"

    def _element(self, event: str) -> int:
        return self._elements.setdefault(event, len(self._elements) + 1)

    def _process(self) -> int:
        """A logical thread that is free. One whose operation has no known end is never used again."""
        if self._free:
            return heappop(self._free)
        self._processes += 1
        return self._processes - 1

    def lines(self) -> Iterator[str]:
        moments: list[tuple[float, int, int, int]] = []
        operations = [
            (key, operation) for key, stretch in enumerate(self._stretches) for operation in stretch.operations
        ]
        for place, (_, operation) in enumerate(operations):
            moments.append((operation.start, 0, operation.number, place))
            if operation.end < math.inf:
                moments.append((operation.end, 1, operation.number, place))
        process: dict[int, int] = {}
        for index, (time, ends, number, place) in enumerate(sorted(moments)):
            key, operation = operations[place]
            if not ends:
                process[place] = self._process()
            elif operation.type != "info":
                heappush(self._free, process[place])
            kind = operation.type if ends else "invoke"
            value = self._value(key, operation, done=bool(ends) and kind == "ok")
            yield (
                f"{{:index {index}, :type :{kind}, :process {process[place]}, :f :txn, :value {value}, "
                f':time {round(time * NANOSECONDS)}, :request {number}, :session "{self._stretches[key].session}"}}'
            )


def export(history: Path, output: Path) -> tuple[int, int]:
    """Write what Elle can judge; return the number of lists and of operations."""
    stretches: list[Stretch] = []
    with TemporaryDirectory(dir=output.parent) as folder:
        found = next(item for item in sort(history, Path(folder)) if isinstance(item, Sorted))
        for file in found.sessions:
            for name, entries in groups(file):
                requests = [entry for entry in entries if isinstance(entry, Request)]
                if requests:
                    reads = [request for request in requests if request.operation == "read_stm"]
                    stretches += _stretches(Session.of(name, requests, (), ()), reads)
    stretches = [stretch for stretch in stretches if stretch.operations]
    with output.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{line}\n" for line in Edn(stretches).lines())
    return len(stretches), sum(len(stretch.operations) for stretch in stretches)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture.elle", description="Export for Elle.")
    parser.add_argument("history", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with refusing(options.history):
        lists, operations = export(options.history, options.output)
    print(f"{operations:,} operations on {lists:,} lists")


if __name__ == "__main__":
    main()
