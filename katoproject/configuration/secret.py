"""The secret that signs operators' logins, where KATO_SECRET_KEY does not give one."""

import secrets
from pathlib import Path


def kept_secret(data: Path) -> str:
    """The one in the data folder, made by whichever process comes first: all processes must have the same.

    Where that folder is not ours the secret is this process's own, which does for commands that sign nothing.
    """
    path = data / "secret-key"
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    except PermissionError:
        return secrets.token_urlsafe(48)
    try:
        data.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"secret-key.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            # Whole or not at all, and never over the one that another process has just put there.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    except PermissionError:
        return secrets.token_urlsafe(48)
    return path.read_text()
