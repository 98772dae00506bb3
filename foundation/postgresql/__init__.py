"""Django's PostgreSQL backend with a bound on how long a client waits for an answer."""
