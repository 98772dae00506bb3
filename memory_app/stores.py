"""Where what nodes know is stored, as the statistics name it."""

from foundation.postgresql.statements import Store

PATTERNS = Store("patterns")
VECTORS = Store("vectors")
