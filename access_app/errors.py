"""Why an operation on a key is refused."""

from foundation.errors import KatoError, Refusal


class KeyUnknown(Refusal):
    status = 404

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no key {key!r}, by id or by name")


class Unfit(Refusal):
    """A name or a prefix that no key can have."""

    status = 422


class NameTaken(Refusal):
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a key {name!r} already: choose another name, or rotate or revoke that key")


class KeyRevoked(Refusal):
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"Key {name!r} is revoked, for ever: if you need a key, create another one")


class KeyExpired(Refusal):
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"Key {name!r} has expired: revoke it, and create another one")


class QuotaUsedUp(Refusal):
    status = 429
    retry_after = 60

    def __init__(self, resource: str, quota: int, *, whose: str) -> None:
        kind = resource.removesuffix("s")
        self.known_as = KatoError(429, f"{kind.upper()}_LIMIT_EXCEEDED", f"{kind.capitalize()}LimitExceededError")
        super().__init__(f"{whose} may have {quota} {resource} at a time, and has as many")


class KeyRotatedMeanwhile(Refusal):
    status = 409

    def __init__(self, key: str) -> None:
        super().__init__(f"Key {key!r} was rotated meanwhile. If you want another rotation, ask again")
