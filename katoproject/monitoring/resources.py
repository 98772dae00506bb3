"""CPU, memory and disk of the machine."""

import threading
import time

import psutil
from django.conf import settings
from pydantic import BaseModel

# CPU usage is measured between two readings; over a shorter interval it means nothing. Seconds.
_SHORTEST_INTERVAL = 1.0


class Resources(BaseModel):
    cpu_percent: float
    memory_percent: float
    memory_bytes: float
    disk_percent: float
    load_average_1m: float

    @property
    def issues(self) -> list[str]:
        """In the words of KATO (http.md 1.4)."""
        found = []
        if self.memory_percent > 90:
            found.append("High memory usage")
        if self.cpu_percent > 80:
            found.append("High CPU usage")
        return found

    @property
    def status(self) -> str:
        issues = self.issues
        if "High memory usage" in issues:
            return "unhealthy"
        return "degraded" if issues else "healthy"


class _Cpu:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measured_at, self._percent = time.monotonic(), psutil.cpu_percent()

    def percent(self) -> float:
        with self._lock:
            if time.monotonic() - self._measured_at >= _SHORTEST_INTERVAL:
                self._measured_at, self._percent = time.monotonic(), psutil.cpu_percent()
            return self._percent


_cpu = _Cpu()


def measure() -> Resources:
    memory = psutil.virtual_memory()
    disk = next(path for path in (settings.STATIC_ROOT.parent, settings.BASE_DIR) if path.exists())
    return Resources(
        cpu_percent=_cpu.percent(),
        memory_percent=memory.percent,
        memory_bytes=memory.used,
        disk_percent=psutil.disk_usage(str(disk)).percent,
        load_average_1m=psutil.getloadavg()[0],
    )
