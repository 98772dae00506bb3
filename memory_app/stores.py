"""The stores of what nodes know; metrics count their statements under these names."""

from foundation.postgresql.statements import Store

PATTERNS = Store("patterns")
VECTORS = Store("vectors")
