"""Skips tests that need wrong clocks where libfaketime is not installed."""

import pytest

from benchmarks.stack.clocks import LIBRARIES

needs_faketime = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (apt-get install libfaketime)")
