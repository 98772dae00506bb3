#!/usr/bin/env python
"""Entry point of every management command; `python manage.py up` starts the whole service."""

import os
import sys

from django.core.management import execute_from_command_line

INTERRUPTED = 130  # 128 + the signal's number, as shells have it
NOBODY_READS = 141


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read this (`| head`) has seen enough. Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOBODY_READS)


if __name__ == "__main__":
    main()
