"""The clients of a run, in a process of their own, and what they record."""
