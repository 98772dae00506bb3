"""The records of acts on patterns."""

ACTS = "memory_app_patternact AS record JOIN memory_app_patternofact AS one ON one.act = record.number"
"""SQL: a row for each pattern of each act. `one.number`: in the order of the acts of a node."""
