"""Pure computation: events in, events out. No Django, no I/O, no clock."""
