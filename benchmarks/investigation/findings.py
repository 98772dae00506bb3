"""Claims, findings, and the tables of both in docs/investigation.md."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks import places
from katoproject.configuration.environment import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "investigation.md"


@dataclass(frozen=True)
class Finding:
    """One line of a table: what was done, the claim, and the findings of this run, one per compared service."""

    done: str
    claim: str
    found: tuple[str, ...]
    holds: bool


class Of(NamedTuple):
    """The claim and the finding for one of the two compared services."""

    claim: str
    found: str
    holds: bool


def equal(claim: object, found: object) -> Of:
    """A claim that states the exact finding."""
    return Of(str(claim), str(found), str(claim) == str(found))


@dataclass
class Table:
    name: str
    found_in: tuple[str, ...] = ("found",)
    findings: list[Finding] = field(default_factory=list)

    def add(self, done: str, claim: str, found: object, holds: bool) -> None:
        self.findings.append(Finding(done, claim, (str(found),), holds))

    def add_equal(self, done: str, claim: object, found: object) -> None:
        self.add(done, *equal(claim, found))

    def compare(self, done: str, *sides: Of) -> None:
        """`sides`: one for each name in `found_in`."""
        claim = " / ".join(dict.fromkeys(side.claim for side in sides))
        found = tuple(side.found for side in sides)
        self.findings.append(Finding(done, claim, found, all(side.holds for side in sides)))

    def _rows(self) -> list[tuple[str, ...]]:
        whose = f" ({' / '.join(self.found_in)})" if len(self.found_in) > 1 else ""
        headings = ("what was done", f"claim{whose}", *self.found_in)
        return [headings, *((one.done, one.claim, *one.found) for one in self.findings)]

    def markdown(self) -> str:
        lines = [f"| {' | '.join(row)} |" for row in self._rows()]
        return "\n".join([lines[0], f"|{'---|' * len(self._rows()[0])}", *lines[1:]])

    def printed(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        marks = ["", *("holds" if one.holds else "DOES NOT HOLD" for one in self.findings)]
        lines = [
            "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=True)), mark])
            for row, mark in zip(rows, marks, strict=True)
        ]
        return "\n".join([f"\n## {self.name}", *lines])


def write(tables: Iterable[Table], file: Path = DOCUMENT) -> None:
    """Write each table into its place in the document. Raises ValueError if it has none."""
    for table in tables:
        places.write(table.name, table.markdown(), file)


def contradictions(tables: Iterable[Table], file: Path = DOCUMENT) -> list[str]:
    """Tables whose claims differ from the document's; findings may differ from run to run, claims may not."""
    wrong = list[str]()
    for table in tables:
        claims = [row[:2] for row in places.rows(table.name, file)]
        if claims != [[one.done, one.claim] for one in table.findings]:
            wrong.append(f"{file.name} does not claim in {table.name!r} what the command does")
    return wrong


def broken(tables: Iterable[Table]) -> list[str]:
    return [
        f"{table.name}: {one.done}: claimed {one.claim!r}, found {' / '.join(one.found)!r}"
        for table in tables
        for one in table.findings
        if not one.holds
    ]
