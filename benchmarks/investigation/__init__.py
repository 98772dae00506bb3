"""Repeats everything that docs/investigation.md claims about the incident: `make investigate`.

No result is built in. Each line of a table states a claim and the finding; the command fails if a claim no longer
holds, or if the document makes a different claim.
"""
