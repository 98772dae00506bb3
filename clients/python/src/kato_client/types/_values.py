"""What several of the others are made of."""

from typing import Any, Literal

#: The versions of KATO whose API the service speaks.
Contract = Literal["3.10", "6.3"]

Event = list[str]
Events = list[Event]
Emotives = dict[str, float]
Metadata = dict[str, Any]
