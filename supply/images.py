"""`make images`: write the digest of each image that Dockerfile and docker-compose.yml build on, as its tag has it now.

A tag can be moved to other content; a digest names the content. Needs a docker with buildx, and its registry.

    python -m supply.images           asks the registry and writes `name:tag@sha256:…`
    python -m supply.images --check   says which images have no digest; asks no registry
"""

import argparse
import json
import re
import subprocess
from pathlib import Path

from supply.requirements import PROJECT

FILES = ("Dockerfile", "docker-compose.yml")
# Our own image has no tag.
_IMAGE = re.compile(r"^((?:FROM|\s+image:) )([\w./-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?(?=\s|$)", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def without_digest(project: Path) -> list[str]:
    return [
        f"{name}: {image}"
        for name in FILES
        for _, image, digest in _IMAGE.findall((project / name).read_text())
        if not digest
    ]


def pin(project: Path) -> None:
    """Write the digests in all files, or in none if one cannot be had."""
    texts = {project / name: (project / name).read_text() for name in FILES}
    images = {image for text in texts.values() for _, image, _ in _IMAGE.findall(text)}
    digests = {image: _digest(image) for image in sorted(images)}
    for path, text in texts.items():
        path.write_text(_IMAGE.sub(lambda found: f"{found[1]}{found[2]}@{digests[found[2]]}", text))


def _digest(image: str) -> str:
    """The digest of the list of all platforms, so that it holds for each of them."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        digest = str(json.loads(done.stdout)["digest"])
    except FileNotFoundError:
        raise SystemExit("There is no docker on this machine. Nothing was changed.") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"No digest of {image}: {error.stderr.strip()}. Nothing was changed.") from None
    except (subprocess.TimeoutExpired, ValueError, LookupError, TypeError):
        raise SystemExit(f"No digest of {image}: the registry gives no answer. Nothing was changed.") from None
    if not _DIGEST.fullmatch(digest):
        raise SystemExit(f"No digest of {image}: docker says {digest!r}. Nothing was changed.")
    return digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say which images have no digest")
    if not parser.parse_args().check:
        pin(PROJECT)
    elif missing := without_digest(PROJECT):
        raise SystemExit(
            "\n".join(["Without a digest:", *missing, "Where a registry can be reached, run: make images"])
        )


if __name__ == "__main__":
    main()
