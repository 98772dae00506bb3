"""The monitoring routes (http.md 1.4)."""
