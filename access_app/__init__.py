"""Access keys: who may call the API, what for, and for which nodes. Nothing here knows KATO's operations."""
