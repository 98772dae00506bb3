"""What the service counts, samples and tells about itself (docs/monitoring.md).

`counters` and `board`: what every process writes, in files that all processes of a machine share. `snapshot`: those
added up at one moment. `sampling`: snapshots kept in PostgreSQL. `history` and `series`: what was, from every process
alike. `api/`: the routes.
"""
