"""What can break: one class for each kind of fault, one file for each part of the service."""

from benchmarks.torture.faults import clients, hosts, network, postgresql, redis  # noqa: F401  each registers its kinds
from benchmarks.torture.faults.fault import KINDS, Breakage, Surroundings

__all__ = ["KINDS", "Breakage", "Surroundings"]
