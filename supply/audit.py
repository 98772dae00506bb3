"""`make audit`: known vulnerabilities of the packages in `requirements-dev.txt`, which contains all others.

Exit status 1 if there are any. Where the advisories cannot be had it says NOT CHECKED; that is an error only with
`--must-run`, because a machine without a network can do nothing about it.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from supply.requirements import LISTS, PROJECT

_COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "10"),
    # The list is complete and has hashes, so nothing is resolved or downloaded, and nothing that it names runs.
    *("--require-hashes", "--disable-pip", "--requirement", f"{LISTS[-1]}.txt"),
)


def report(output: str, errors: str) -> tuple[list[str], str]:
    """The vulnerabilities, and why something was not checked (empty if all was)."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except ValueError:
        *_, last = errors.strip().splitlines() or ["pip-audit printed nothing"]
        if "No module named pip_audit" in last:
            return [], f"pip-audit is not installed ({last}): `make audit` installs it"
        return [], f"no network, or no response from the advisory database ({last})"
    vulnerable = [
        f"{one['name']} {one['version']}: {advisory['id']}, fixed in {' or '.join(advisory['fix_versions']) or 'none'}"
        for one in dependencies
        for advisory in one.get("vulns", [])
    ]
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    if len(unknown) == len(dependencies):
        return vulnerable, "no network: the advisory database did not respond about any package"
    return vulnerable, f"no response about {', '.join(unknown)}" if unknown else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--must-run", action="store_true", help="fail if something was not checked")
    options = parser.parse_args()
    done = subprocess.run(_COMMAND, cwd=PROJECT, capture_output=True, text=True, check=False)
    vulnerable, unchecked = report(done.stdout, done.stderr)
    print("\n".join(vulnerable or ["No known vulnerabilities" if not unchecked else f"NOT CHECKED: {unchecked}"]))
    if vulnerable and unchecked:
        print(f"NOT CHECKED: {unchecked}")
    raise SystemExit(1 if vulnerable or (unchecked and options.must_run) else 0)


if __name__ == "__main__":
    main()
