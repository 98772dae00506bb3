"""The architecture this project replaces, as small as it can be: a session is one JSON text in Redis.

Written from http.md 1.1 and 2 and the R table of decisions.md alone. It has the faults described there, because the
architecture has them (R01, R08, R21, R32), and none of the costs that could be left out: no existence checks around
a save, one middleware, no engine.
"""
