"""Logins to the console: how often a password may be tried, and how many are hashed at once."""
