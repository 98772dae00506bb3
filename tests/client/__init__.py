"""The Python client in `clients/python/`, against the real service."""
