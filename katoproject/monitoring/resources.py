"""What the machine is doing."""

import threading
import time

import psutil
from django.conf import settings
from pydantic import BaseModel

# A share of CPU time is one between two looks; over less than this it says nothing.
_SHORTEST_LOOK = 1.0


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
        self._looked, self._percent = time.monotonic(), psutil.cpu_percent()

    def percent(self) -> float:
        with self._lock:
            if time.monotonic() - self._looked >= _SHORTEST_LOOK:
                self._looked, self._percent = time.monotonic(), psutil.cpu_percent()
            return self._percent


_cpu = _Cpu()


def look() -> Resources:
    memory = psutil.virtual_memory()
    disk = next(path for path in (settings.STATIC_ROOT.parent, settings.BASE_DIR) if path.exists())
    return Resources(
        cpu_percent=_cpu.percent(),
        memory_percent=memory.percent,
        memory_bytes=memory.used,
        disk_percent=psutil.disk_usage(str(disk)).percent,
        load_average_1m=psutil.getloadavg()[0],
    )
