"""The table of mutants in docs/consistency.md."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import places
from benchmarks.mutants.mutant import Mutant
from benchmarks.mutants.trial import Verdict
from katoproject.configuration.environment import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "consistency.md"
PLACE = "mutants"


def claims(mutant: Mutant) -> list[str]:
    """The cells of a mutant's row that do not depend on the run."""
    tests = (
        f"`{file}`: {name.removeprefix('test_').replace('_', ' ')}" for file, name in map(_parts, mutant.caught_by)
    )
    return [mutant.name.replace("-", " "), mutant.breaks, "; ".join(tests)]


def _parts(test: str) -> tuple[str, str]:
    file, _, name = test.partition("::")
    return file, name.partition("[")[0]


def write(verdicts: Sequence[Verdict], mutants: Sequence[Mutant], file: Path = DOCUMENT) -> None:
    """Write the rows of all mutants that are known to be caught: now, or by an earlier run as the document says."""
    found = {tuple(row[:-1]): row[-1] for row in places.rows(PLACE, file)}
    found |= {tuple(claims(one.mutant)): f"{one.outcome.after:.0f}" for one in verdicts if one.outcome}
    rows = [[*claims(one), found[tuple(claims(one))]] for one in mutants if tuple(claims(one)) in found]
    lines = [f"| {' | '.join(row)} |" for row in [["mutant", "without the mechanism", "caught by", "s"], *rows]]
    places.write(PLACE, "\n".join([lines[0], "|---|---|---|---|", *lines[1:]]), file)
