"""Python imports this at the start of a process whose clock libfaketime sets: `time.sleep` without its defect.

Version 0.9.10 makes the system call below `time.sleep` fail where the monotonic clock is real.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex) -> None:
    select.select([], [], [], float(seconds))


time.sleep = _sleep
