"""What the console shows of access keys."""

from access_app.admin import keys

__all__ = ["keys"]
