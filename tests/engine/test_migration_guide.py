"""The examples of docs/migrating.md: what the engine predicts under each contract, in both implementations."""

import json
import re
from typing import Any

import pytest

from engine.contracts import CONTRACTS
from engine.naming import pattern_name
from engine.plain.knowledge import Pattern
from katoproject.configuration.environment import PROJECT_DIR
from tests.engine.implementations import IMPLEMENTATIONS, Inputs

GUIDE = (PROJECT_DIR / "docs" / "migrating.md").read_text()
BLOCKS = [
    [json.loads(line) for line in block.splitlines()] for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
]
EXAMPLES = [block for block in BLOCKS if "learned" in block[0]]


def test_there_are_examples_of_both_contracts() -> None:
    assert len(EXAMPLES) == 6
    assert all([shown["contract"] for shown in example] == list(CONTRACTS) for _, *example in EXAMPLES)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_first_prediction_is_as_shown(implementation: str, example: list[dict[str, Any]]) -> None:
    given, *shown = example
    known = [Pattern(name=pattern_name(events), events=events) for events in given["learned"]]
    for one in shown:
        inputs = Inputs(known, given["observed"], given.get("config", {}), contract=CONTRACTS[one["contract"]])
        first = IMPLEMENTATIONS[implementation](inputs).predictions[0]
        assert first | one == {**first, "contract": one["contract"]}
