"""The architecture this project replaces, as small as it can be: a session is one JSON text in Redis.

Written from the description in http-api.md (sections 1.1, 2 and 5) alone. It has the faults described there, because
the architecture has them (R01, R08, R21, R32), and none of the costs that could be left out: no existence checks around
a save, one middleware, no engine.
"""
