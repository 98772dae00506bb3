"""Secrets that the service makes itself and keeps in the data folder, in files that only its account can read."""

import os
import secrets
from pathlib import Path

from katoproject.configuration.folders import cannot_be_written


def kept_secret(data: Path, name: str = "secret-key") -> str:
    """The secret of this name in the data folder. All processes need the same one; the first of them creates it.

    A process that may not use that folder has a secret of its own, which is enough for commands that sign nothing.
    Raises SystemExit where nobody can create one, as on a file system that is read-only.
    """
    path = data / name
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    except PermissionError:
        return secrets.token_urlsafe(48)
    try:
        data.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            if os.geteuid() == 0:
                # A command that root runs first must not keep the owner of the service out.
                os.fchown(file.fileno(), data.stat().st_uid, data.stat().st_gid)
            file.write(secrets.token_urlsafe(48))
        try:
            # Complete or not at all, and never in place of the one that another process has created in the meantime.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    except PermissionError:
        return secrets.token_urlsafe(48)
    except OSError as error:
        raise SystemExit(cannot_be_written(data, error)) from error
    return path.read_text()
