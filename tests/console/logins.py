"""Logging in to the console with a password, as a browser without scripts does."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

LOGIN = "/admin/login/"
PASSWORD = "quiet harbour at noon"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.2"


def operator(**fields: Any) -> User:
    return User.objects.create_user(f"operator-{uuid4().hex[:8]}", password=PASSWORD, is_staff=True, **fields)


def try_password(name: str, password: str, address: str = HERE, *, browser: Client | None = None) -> Any:
    return (browser or Client()).post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def try_over_http(url: str, name: str) -> httpx.Response:
    """On a connection of its own, with a token as a browser sends it."""
    with httpx.Client(base_url=url, timeout=60) as client:
        token = "t" * 32  # Django compares the cookie with the field, and knows neither
        client.cookies.set("kato_console_csrf", token)
        return client.post(LOGIN, data={"username": name, "password": "wrong", "csrfmiddlewaretoken": token})


def text_of(html: bytes, name: str) -> str:
    """A page without what differs between two requests in any case."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html.decode()).replace(name, "NAME")


@contextmanager
def hashing_held() -> Iterator[None]:
    """As if another process of this machine calculated a hash that does not end."""
    folder = os.open(settings.DATA_DIR, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
