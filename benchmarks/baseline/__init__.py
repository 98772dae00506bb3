"""A minimal service in the architecture this project replaces: a session is one JSON text in Redis.

It is written from http.md 1.1 and 2 and the R table of decisions.md alone. It has the faults described there because
the architecture has them (R01, R08, R21, R32), and none of the avoidable costs: no existence checks around a save, one
middleware, no engine.
"""
