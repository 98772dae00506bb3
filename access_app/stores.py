"""The store of access keys, under the name that the metrics give it."""

from foundation.postgresql.statements import Store

ACCESS = Store("access")
