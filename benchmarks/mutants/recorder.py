"""A plugin for pytest, in the process that tests a mutant: writes how each test ended, a line of JSON each.

pytest -p benchmarks.mutants.recorder --outcomes=FILE --sound=TEST …
"""

import json
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest

# This process may have been started with the signal ignored, as in the background; it ends a trial that takes too long.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path)
    parser.addoption("--sound")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.nodeid != config.getoption("--sound"))


class _Clock:
    """Runs from the first test on, when its servers have started: how long that takes says nothing about the tests."""

    begun: float | None = None

    @classmethod
    def seconds(cls) -> float:
        return 0.0 if cls.begun is None else time.monotonic() - cls.begun


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    _Clock.begun = _Clock.begun or time.monotonic()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or not report.passed:
        # Neither a time-out of a client nor a key that is missing in a response: the test must say what is wrong.
        says_so = call.excinfo is not None and call.excinfo.errisinstance((AssertionError, pytest.fail.Exception))
        outcome = {
            "test": item.nodeid,
            "passed": report.passed,
            "asserted": report.when == "call" and report.failed and says_so,
            "reason": call.excinfo.exconly(tryshort=True) if call.excinfo else "",
            "after": round(_Clock.seconds(), 1),
        }
        with item.config.getoption("--outcomes").open("a") as file:
            file.write(json.dumps(outcome) + "\n")
    return report
