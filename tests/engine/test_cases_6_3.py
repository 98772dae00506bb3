"""The 62 worked cases under KATO 6.3, field by field, for every implementation.

`engine_cases_6_3.json` has the format of `engine_cases.json` and for each case `reasoning`: why the result follows from
kato-6.md. The results are those of this project, so no decision overrules them. Fields that no rule changes are those
that the reference recorded for 3.10. A case that needs what 6.3 refuses (a threshold of 0, the filter `length`) has the
nearest configuration that it takes.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import KATO_6_3
from tests.engine.implementations import IMPLEMENTATIONS, Inputs, Outcome
from tests.engine.replay import CASES, replay
from tests.engine.test_cases import assert_same, inputs_of

CASES_6_3: list[dict[str, Any]] = json.loads((Path(__file__).parent / "engine_cases_6_3.json").read_text())
BY_NAME = {case["name"]: case for case in CASES_6_3}


def inputs_under_6_3(case: dict[str, Any]) -> Inputs:
    return inputs_of(case, replay(case))._replace(contract=KATO_6_3)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_predictions_of_a_case(name: str, implementation: str) -> None:
    expected = BY_NAME[name]["expected"]
    outcome: Outcome = IMPLEMENTATIONS[implementation](inputs_under_6_3(BY_NAME[name]))
    assert_same(outcome.predictions, expected["predictions"])
    assert [list(prediction) for prediction in outcome.predictions] == [
        list(prediction) for prediction in expected["predictions"]
    ]
    assert_same(outcome.future_potentials, expected["future_potentials"])


@pytest.mark.parametrize("name", BY_NAME)
def test_what_a_case_learns_and_observes_does_not_depend_on_the_contract(name: str) -> None:
    replayed = replay(BY_NAME[name])
    assert replayed.learned_names == BY_NAME[name]["expected"]["learned_names"]
    assert replayed.stm == BY_NAME[name]["expected"]["stm"]


def test_every_case_has_a_version_for_6_3_with_a_reason() -> None:
    assert [case["name"] for case in CASES_6_3] == [case["name"] for case in CASES]
    assert all(case["reasoning"] for case in CASES_6_3)


def test_no_case_asks_for_what_6_3_refuses() -> None:
    configs = [case["config"] for case in CASES_6_3]
    assert all(config.get("recall_threshold", 0.1) > 0 for config in configs)
    assert all("length" not in config.get("filter_pipeline", []) for config in configs)
