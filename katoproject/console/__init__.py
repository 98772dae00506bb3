"""The operators' console at /admin/: Django's admin, which shows everything and changes only through operations."""
