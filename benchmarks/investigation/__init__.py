"""What docs/investigation.md says of the incident, done again: `make investigate`.

Nothing here knows its result beforehand. Each line of a table states a claim and what was found; the command fails when
a claim does not hold any more, or when the document says something else.
"""
