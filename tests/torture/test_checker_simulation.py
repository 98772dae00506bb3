"""The checker on histories of a simulated service: it blames no correct one, and finds each fault in the model."""

from pathlib import Path

import pytest

from benchmarks.torture.checker import Report, check
from tests.torture.simulated_state import FAULTS
from tests.torture.simulation import ACTS_NODE, Simulation
from tests.torture.story import SLOWEST

pytestmark = pytest.mark.long

# Faults in what a node remembers: found where sessions learn the same words.
OF_MEMORY = (
    "another order of predictions",
    "another similarity",
    "clear-all forgets nothing",
    "learned twice",
    "not learned",
    "old frequency",
    "pattern missing",
)
OF_ACTS = ("retired, and learned", "retired, and predicted")


def judged(folder: Path, simulation: Simulation) -> Report:
    return check(simulation.run().record(folder / "history"), slowest=SLOWEST)


def faulty(fault: str, seed: int) -> Simulation:
    if fault in OF_MEMORY:
        return Simulation(seed, fault, requests=500, nodes=("words-1",))
    if fault in OF_ACTS:
        return Simulation(seed, fault, requests=500, nodes=(ACTS_NODE,))
    return Simulation(seed, fault)


@pytest.mark.parametrize("seed", range(20))
def test_no_correct_history_is_blamed(tmp_path: Path, seed: int) -> None:
    report = judged(tmp_path, Simulation(seed))
    assert report.holds, str(report)


@pytest.mark.parametrize("clients", [1, 12])
@pytest.mark.parametrize("nodes", [("words-1",), (ACTS_NODE,), ("unique-1",)])
def test_neither_with_other_numbers_of_clients_and_nodes(tmp_path: Path, clients: int, nodes: tuple[str, ...]) -> None:
    report = judged(tmp_path, Simulation(7, clients=clients, nodes=nodes, requests=600))
    assert report.holds, str(report)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(tmp_path: Path, fault: str) -> None:
    assert any(judged(tmp_path, faulty(fault, seed)).broken for seed in range(12))


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", range(10))
def test_no_correct_history_of_a_thousand_is_blamed(tmp_path: Path, batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + 100):
        report = judged(tmp_path, Simulation(seed, clients=1 + seed % 9))
        assert report.holds, f"{seed}: {report}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
def test_how_many_histories_with_a_fault_are_found(tmp_path: Path, fault: str) -> None:
    struck = found = 0
    for seed in range(30):
        simulation = faulty(fault, seed)
        report = judged(tmp_path, simulation)
        struck += bool(simulation.service.strikes)
        found += not report.holds
    print(f"{fault}: found in {found} of the {struck} histories in which it happened")
    assert found >= struck / 8
