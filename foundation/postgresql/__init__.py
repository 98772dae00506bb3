"""Django's PostgreSQL backend, with a limit on the time that a client waits for an answer."""
