"""The service under torture: two hosts with web processes, one of them with worker and scheduler, and both stores."""

from benchmarks.torture.service.stack import Size, Stack, running_stack

__all__ = ["Size", "Stack", "running_stack"]
