"""What a path alone decides, before there is a view."""

# Load balancers and supervisors ask these, with any key and from any address: a 429 would take the service down.
NEVER_LIMITED = frozenset({"/health", "/health/ready"})
# These must work when nothing else does, so they take no slot and wait for no turn: they respond without the database
# where they must.
ALWAYS_ANSWERED = frozenset(
    {
        *NEVER_LIMITED,
        *("/", "/status", "/stats", "/metrics", "/metrics-prom", "/concurrency"),
        *("/cache/stats", "/connection-pools", "/distributed-stm/stats"),
    }
)


def without_slash(path: str) -> str:
    """The path that is served: a redirect to the one without its slash would lose the body of a POST."""
    return path[:-1] if path.endswith("/") and path != "/" else path
