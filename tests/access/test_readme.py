"""The README's curl session, where the service asks for keys."""

import re
import shutil
import subprocess

import pytest

from benchmarks.stack import WebServer
from katoproject.configuration.environment import PROJECT_DIR
from tests.access.conftest import NewKey
from tests.project.test_documentation import first_block


@pytest.mark.skipif(shutil.which("jq") is None, reason="No jq on this machine: apt-get install jq")
def test_the_line_of_the_readme_adds_the_key_to_its_shell_session(server: WebServer, new_key: NewKey) -> None:
    [line] = re.findall(r"^`(curl\(\) .*)` first\.$", (PROJECT_DIR / "README.md").read_text(), re.MULTILINE)
    session = first_block("README.md", "bash").replace("http://127.0.0.1:8000", server.url)
    script = f"TOKEN={new_key(nodes=['kitchen']).token}\n{line}\n{session}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True)
    assert '"future":[["cup","tea"],["milk"]]' in done.stdout
