"""Skips tests that need a small file system where this account may not mount one."""

import pytest

from benchmarks.stack.small_disk import may_mount

needs_mounts = pytest.mark.skipif(not may_mount(), reason="this account may not mount a small file system")
