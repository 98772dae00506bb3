"""A session's configuration: keys, defaults, validation, and how each contract shows it (http.md 1.2)."""

from sessions_app.config.in_force import DEFAULTS, MARKS, effective
from sessions_app.config.rules import RULES, Rule
from sessions_app.config.shown import schema_in_force, shown
from sessions_app.config.validation import validate

__all__ = ["DEFAULTS", "MARKS", "RULES", "Rule", "effective", "schema_in_force", "shown", "validate"]
