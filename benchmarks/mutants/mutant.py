"""What a mutant is, and the catalogue of all of them.

A change is an old text, which its file must have exactly once, and the new one. Unlike a patch it does not depend on
the lines around it, and a mechanism that was moved or rewritten is noticed at once.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parent / "catalogue"

# It must still pass: a mutant that breaks everything would show nothing about one mechanism.
SOUND = "tests/api/test_learning.py::test_learning_stores_the_stm_as_a_pattern_and_empties_it"


class DoesNotApply(Exception):
    """The catalogue and the code disagree."""


@dataclass(frozen=True, slots=True)
class Change:
    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Raises DoesNotApply."""
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(f"{self.file} has this {found} times, not once: {self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`caught_by`: ids of tests, each of which must fail; `sound`: that of one that must still pass."""

    name: str
    breaks: str
    caught_by: tuple[str, ...]
    changes: tuple[Change, ...]
    sound: str = SOUND

    def texts(self, project: Path) -> dict[str, str]:
        """What the changed files have in them then. Raises DoesNotApply."""
        texts: dict[str, str] = {}
        for change in self.changes:
            texts[change.file] = change.applied(texts.get(change.file) or (project / change.file).read_text())
        return texts

    @contextmanager
    def applied(self, project: Path) -> Iterator[None]:
        """Inside the block, the project is this mutant."""
        changed = self.texts(project)
        before = {file: (project / file).read_text() for file in changed}
        for file, text in changed.items():
            (project / file).write_text(text)
        try:
            yield
        finally:
            for file, text in before.items():
                (project / file).write_text(text)


def catalogue(folder: Path = CATALOGUE) -> list[Mutant]:
    """All mutants, in the order of the files' names and of the entries in them."""
    return [
        _mutant(name, entry)
        for file in sorted(folder.glob("*.toml"))
        for name, entry in tomllib.loads(file.read_text()).items()
    ]


def _mutant(name: str, entry: dict[str, Any]) -> Mutant:
    if "changes" in entry:
        changes = tuple(Change(**change) for change in entry.pop("changes"))
    else:
        changes = (Change(entry.pop("file"), entry.pop("old"), entry.pop("new")),)
    return Mutant(name, changes=changes, caught_by=tuple(entry.pop("caught_by")), **entry)
