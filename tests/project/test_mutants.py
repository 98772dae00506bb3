"""Every mutant still applies to the code, and the tests that must catch it exist; `make mutants` runs them."""

import ast
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from benchmarks import places
from benchmarks.mutants import copies, report
from benchmarks.mutants.__main__ import main
from benchmarks.mutants.mutant import Change, DoesNotApply, Mutant, catalogue
from benchmarks.mutants.trial import Inconclusive, Outcome, concluded, judge, run
from katoproject.configuration.environment import PROJECT_DIR

MUTANTS = catalogue()
SERVICE = ("katoproject", "sessions_app", "memory_app", "access_app", "engine", "foundation")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_changes_the_service_into_another_program(mutant: Mutant) -> None:
    for file, text in mutant.texts(PROJECT_DIR).items():
        assert file.split("/")[0] in SERVICE
        changed, original = (ast.parse(code, file) for code in (text, (PROJECT_DIR / file).read_text()))
        assert ast.dump(changed) != ast.dump(original)


@cache
def names_in(file: str) -> set[str]:
    return {node.name for node in ast.parse((PROJECT_DIR / file).read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_it_names_exist(mutant: Mutant) -> None:
    for test in (*mutant.caught_by, mutant.sound):
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in names_in(file)


def test_each_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(one.name for one in MUTANTS).items() if times > 1] == []


def test_the_document_shows_each_of_them() -> None:
    shown = places.rows(report.PLACE, report.DOCUMENT)
    assert [row[:-1] for row in shown] == [report.claims(one) for one in MUTANTS], "run `make mutants`"


@pytest.mark.parametrize("times", [0, 2])
def test_a_change_whose_text_is_not_there_once_does_not_apply(times: int) -> None:
    with pytest.raises(DoesNotApply, match=f"code.py has this {times} times"):
        Change("code.py", "lock()\n", "").applied("lock()\n" * times)


MUTANT = Mutant(
    "m", "", ("test_product.py::test_first",), (Change("product.py", "1", "2"),), "test_product.py::test_works"
)
WORKS = Outcome(MUTANT.sound, passed=True, asserted=False, reason="", after=1.0)
FAILS = Outcome(MUTANT.caught_by[0], passed=False, asserted=True, reason="assert 2 == 1", after=2.0)


def test_it_is_caught_by_a_test_that_fails_with_an_assertion() -> None:
    verdict = concluded(MUTANT, [WORKS, FAILS])
    assert (verdict.is_caught, str(verdict)) == (True, "caught by test_first after 2 s")


def test_it_survives_a_test_that_passes() -> None:
    verdict = concluded(MUTANT, [WORKS, replace(FAILS, passed=True)])
    assert (verdict.is_caught, str(verdict)) == (False, "SURVIVES test_product.py::test_first")


def test_it_must_be_caught_in_time() -> None:
    verdict = concluded(MUTANT, [WORKS, replace(FAILS, after=61.0)])
    assert (verdict.is_caught, str(verdict)) == (False, "caught TOO LATE by test_first after 61 s")


def test_a_mutant_that_breaks_everything_shows_nothing() -> None:
    with pytest.raises(Inconclusive, match="nothing works: test_product"):
        concluded(MUTANT, [replace(WORKS, passed=False, reason="E")])


def test_another_failure_than_an_assertion_shows_nothing() -> None:
    with pytest.raises(Inconclusive, match="test_first fails without an assertion: E"):
        concluded(MUTANT, [WORKS, replace(FAILS, asserted=False, reason="E")])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "benchmarks").symlink_to(PROJECT_DIR / "benchmarks")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django\n")
    (tmp_path / "product.py").write_text("FIRST = 1\n")
    (tmp_path / "test_product.py").write_text(
        "from product import FIRST\n\ndef test_first():\n    assert FIRST == 1\n\ndef test_works():\n    assert FIRST\n"
    )
    return tmp_path


@pytest.mark.exhaustive
def test_a_trial_runs_the_tests_in_the_changed_project_and_changes_it_back(project: Path) -> None:
    verdict = judge(MUTANT, project)
    assert verdict.outcome is not None
    assert (verdict.is_caught, verdict.outcome.reason.splitlines()[0]) == (True, "assert 2 == 1")
    assert (project / "product.py").read_text() == "FIRST = 1\n"
    outcomes = run(project, ["test_product.py"])
    assert [outcome.passed for outcome in outcomes] == [True, True]
    (project / "product.py").write_text("FIRST = (1\n")
    with pytest.raises(Inconclusive, match="SyntaxError"):
        run(project, ["test_product.py"])


def test_a_second_run_says_that_another_one_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(copies, "_COPIES", tmp_path)
    monkeypatch.setattr(sys, "argv", ["mutants", "--jobs", "1", MUTANTS[0].name])
    with copies.copied(0), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 75
    assert capsys.readouterr().err == (
        f"Another run of the mutants works in {tmp_path / '0'}: start this one when it has ended\n"
    )


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mutants", "none"])
    with pytest.raises(SystemExit, match="No such mutant: none"):
        main()
