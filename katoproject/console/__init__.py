"""The operators' console at /admin/: Django's admin, which looks at everything and changes through operations only."""
