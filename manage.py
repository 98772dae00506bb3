#!/usr/bin/env python
"""Entry point of every management command; `python manage.py up` starts the whole service."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

# 128 and the number of the signal, as in shells.
INTERRUPTED = 130
OUTPUT_CLOSED = 141


# Importing makes little garbage, and to look for it as often as Python does takes a seventh of a short command's time.
gc.set_threshold(50_000, 20, 50)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has closed the pipe. When it exits, Python would flush to it once more and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OUTPUT_CLOSED)


if __name__ == "__main__":
    main()
