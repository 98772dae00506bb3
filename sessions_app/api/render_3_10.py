"""Responses as KATO 3.10 has them, where contracts differ. `render_6_3` stands beside it."""

from typing import Any

from sessions_app.observations import Observed


def observed(common: dict[str, Any], observed: Observed) -> dict[str, Any]:
    return common
