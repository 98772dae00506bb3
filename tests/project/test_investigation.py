"""The incident and the races of docs/investigation.md still reproduce, and this service still passes them."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.investigation import findings
from benchmarks.investigation.findings import Table
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.loopback import needs_ipv6

pytestmark = pytest.mark.long


@pytest.mark.exhaustive
@needs_ipv6
def test_all_that_the_document_claims_still_holds() -> None:
    command = [sys.executable, "-m", "benchmarks.investigation", "--quick"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "All of them hold." in done.stdout


@pytest.fixture
def table() -> Table:
    table = Table("coins")
    table.add_equal("thrown", "heads", "heads")
    table.add("thrown again", "at most 2", 1, holds=True)
    return table


@pytest.fixture
def document(tmp_path: Path, table: Table) -> Path:
    file = tmp_path / "coins.md"
    file.write_text("Before.\n\n<!-- coins -->\n\n<!-- end of coins -->\n\nAfter.\n")
    findings.write([table], file)
    return file


def test_findings_are_written_into_their_place_in_the_document(document: Path) -> None:
    assert document.read_text() == (
        "Before.\n\n<!-- coins -->\n\n"
        "| what was done | claim | found |\n|---|---|---|\n"
        "| thrown | heads | heads |\n| thrown again | at most 2 | 1 |\n"
        "\n<!-- end of coins -->\n\nAfter.\n"
    )


def test_two_services_stand_side_by_side() -> None:
    table = Table("coins", ("mine", "yours"))
    table.compare("thrown", findings.equal("heads", "heads"), findings.Of("anything", "tails", holds=True))
    assert table.markdown().splitlines() == [
        "| what was done | claim (mine / yours) | mine | yours |",
        "|---|---|---|---|",
        "| thrown | heads / anything | heads | tails |",
    ]
    assert findings.broken([table]) == []
    table.compare("thrown again", findings.equal("heads", "tails"), findings.Of("anything", "tails", holds=True))
    assert findings.broken([table]) == ["coins: thrown again: claimed 'heads / anything', found 'tails / tails'"]


def test_a_claim_that_does_not_hold_is_reported(table: Table) -> None:
    assert findings.broken([table]) == []
    table.add_equal("thrown a third time", "heads", "tails")
    assert findings.broken([table]) == ["coins: thrown a third time: claimed 'heads', found 'tails'"]


def test_another_figure_than_the_document_s_is_no_contradiction_but_another_claim_is(
    table: Table, document: Path
) -> None:
    [of_now, later] = table.findings
    table.findings = [of_now, findings.Finding(later.done, later.claim, ("2",), holds=True)]
    assert findings.contradictions([table], document) == []
    table.findings = [of_now, findings.Finding(later.done, "at most 3", ("2",), holds=True)]
    assert findings.contradictions([table], document) == ["coins.md does not claim in 'coins' what the command does"]


def test_a_table_without_a_place_in_the_document_is_a_contradiction(table: Table, document: Path) -> None:
    document.write_text("Nothing.\n")
    assert len(findings.contradictions([table], document)) == 1
    with pytest.raises(ValueError, match="does not have one place for 'coins'"):
        findings.write([table], document)
