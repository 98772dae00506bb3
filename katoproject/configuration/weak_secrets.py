"""What production does not accept as a secret."""

MAKE_A_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"

# The least that Django's deployment check accepts, and more variety than it asks for.
_SHORTEST, _LEAST_VARIETY = 50, 10
# What people leave in examples. By chance a random secret has one of these once in a billion.
_PLACEHOLDERS = ("change", "secret", "example", "password", "insecure", "placeholder")


def weakness(secret: str) -> str | None:
    """What is wrong with a secret for production, to go on after its name; None if it may be random."""
    if not secret:
        return "is not set"
    if len(secret) < _SHORTEST:
        return f"has {len(secret)} characters, and needs {_SHORTEST}"
    if len(set(secret)) < _LEAST_VARIETY or secret in (secret + secret)[1:-1]:
        return "repeats the same characters"
    if any(word in secret.lower() for word in _PLACEHOLDERS):
        return "looks like a placeholder"
    return None
