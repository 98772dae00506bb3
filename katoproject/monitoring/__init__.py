"""What the service counts and measures about itself (docs/monitoring.md).

Every process counts into files that all processes of a machine share (`foundation/metrics`). `snapshot` adds them up at
one moment. `sampling` stores snapshots in PostgreSQL, `rolling` thins them out. `history` and `series` read them back,
with the same result in every process. `readiness` checks the parts that the service stands on. `api/` has the routes.
"""
