"""The endpoints of a node's long-term memory, addressed by header or query instead of a session."""
