"""What `/health/ready` says of one part of the service."""

from typing import Any

import httpx


def part(url: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/health/ready", timeout=30).json()["parts"][name]
    return found


def is_ready(url: str) -> bool:
    return httpx.get(f"{url}/health/ready", timeout=30).status_code == 200
