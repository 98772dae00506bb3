"""What every web process has in memory before its first request. It is a program: importing it sets up Django.

The web server imports it once and forks its workers from that, so they share the time and the memory that it takes.
Therefore nothing here starts a thread, opens a connection, or remembers which process this is.
"""

import gc
import os

import django
from django.urls import get_resolver

from foundation import background


def _load() -> None:
    # Nothing of this is garbage, and to look for some while it grows takes a tenth of the time.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")
    django.setup(set_prefix=False)
    background.load()
    get_resolver().url_patterns  # noqa: B018  imports all views
    # Imported here because Django's set-up says where the kernels are. To load them takes 0.5 s.
    from engine.warm import warm
    from katoproject.server import body_limits, connections, middleware, requests, websocket  # noqa: F401

    warm()
    # What exists now stays, so the collector need not examine it again, nor run as often as a script needs it to. With
    # an index in memory its pauses were the slowest predictions. And memory that it does not touch stays shared.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


_load()
