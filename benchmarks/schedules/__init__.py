"""Every schedule: all interleavings of any two operations on a session, split at their statements, with every crash.

The operations run in threads of this process, against a real PostgreSQL and a real Redis. A gate in front of the
connections lets one of them do one step at a time (`gate.py`), and a search tries every order of the steps
(`search.py`). What each order led to must be what one after the other leads to (`verdict.py`).
"""
