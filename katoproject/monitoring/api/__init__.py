"""The monitoring routes (http-api.md 1.4)."""
