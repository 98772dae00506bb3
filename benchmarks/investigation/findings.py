"""Claims, what was found, and the tables of both in docs/investigation.md."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from katoproject.environment import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "investigation.md"


@dataclass(frozen=True)
class Finding:
    """One line of a table: what was done, what is claimed of it, and what was found this time."""

    done: str
    claim: str
    found: str
    holds: bool


@dataclass
class Table:
    name: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, done: str, claim: str, found: object, holds: bool) -> None:
        self.findings.append(Finding(done, claim, str(found), holds))

    def add_equal(self, done: str, expected: object, found: object) -> None:
        """A claim that says outright what is found."""
        self.add(done, str(expected), found, str(expected) == str(found))

    def markdown(self) -> str:
        rows = [("what was done", "claim", "found")]
        rows += [(one.done, one.claim, one.found) for one in self.findings]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|---|---|---|", *lines[1:]])

    def printed(self) -> str:
        marks = {True: "holds", False: "DOES NOT HOLD"}
        columns = [(one.done, one.claim, one.found, marks[one.holds]) for one in self.findings]
        widths = [max(len(row[column]) for row in columns) for column in range(3)]
        lines = [
            "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])
            for row in columns
        ]
        return "\n".join([f"\n## {self.name}", *lines])


def _place(name: str) -> re.Pattern[str]:
    begin, end = re.escape(f"<!-- {name} -->"), re.escape(f"<!-- end of {name} -->")
    return re.compile(f"({begin}\n)(.*?)({end})", re.DOTALL)


def write(tables: Iterable[Table], file: Path = DOCUMENT) -> None:
    """Put the tables where the document has a place for them. Raises ValueError where it has none."""
    text = file.read_text()
    for table in tables:
        parts = _place(table.name).split(text)
        if len(parts) != 5:  # before, begin of the place, what is there, its end, after
            raise ValueError(f"{file.name} does not have one place for {table.name!r}")
        before, begin, _, end, after = parts
        text = f"{before}{begin}\n{table.markdown()}\n\n{end}{after}"
    file.write_text(text)


def contradictions(tables: Iterable[Table], file: Path = DOCUMENT) -> list[str]:
    """Where the document does not claim what the tables do: what was found differs from run to run, claims do not."""
    text, wrong = file.read_text(), list[str]()
    for table in tables:
        place = _place(table.name).search(text)
        written = place[2].strip().splitlines()[2:] if place else []  # below the headings
        claims = [line.removeprefix("| ").split(" | ")[:2] for line in written]
        if claims != [[one.done, one.claim] for one in table.findings]:
            wrong.append(f"{file.name} does not claim in {table.name!r} what the command does")
    return wrong


def broken(tables: Iterable[Table]) -> list[str]:
    return [
        f"{table.name}: {one.done}: claimed {one.claim!r}, found {one.found!r}"
        for table in tables
        for one in table.findings
        if not one.holds
    ]
