"""The secret that signs the logins of operators, if KATO_SECRET_KEY does not set one."""

import secrets
from pathlib import Path


def kept_secret(data: Path) -> str:
    """The secret in the data folder. All processes need the same one; the first of them creates it.

    A process that may not use that folder has a secret of its own, which is enough for commands that sign nothing.
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
            # Complete or not at all, and never in place of the one that another process has created in the meantime.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    except PermissionError:
        return secrets.token_urlsafe(48)
    return path.read_text()
