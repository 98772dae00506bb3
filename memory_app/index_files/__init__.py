"""Indexes as files, which all processes of a host share and find again after a restart."""
