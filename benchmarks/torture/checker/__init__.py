"""Judges a recorded history from the history alone. It knows the documents of the service and none of its code."""

from benchmarks.torture.checker.check import check
from benchmarks.torture.checker.report import Report, Violation

__all__ = ["Report", "Violation", "check"]
