"""A real browser: Chromium, if this machine has it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 20_000  # milliseconds

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="No Chromium on this machine: apt-get install chromium")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Inside, Django refuses to use the database in this thread, because Playwright has an event loop there."""
    with sync_playwright() as playwright:
        # Root has no sandbox; /dev/shm is small in containers.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()
