"""`manage.py train` as users run it: from standard input, until Ctrl-C, in bounded memory."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from benchmarks.stack import eventually
from katoproject.configuration.environment import PROJECT_DIR
from sessions_app.files import training

pytestmark = pytest.mark.long


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", "train", *arguments]
    return subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def feed(process: subprocess.Popen[bytes], *lines: str) -> None:
    assert process.stdin is not None
    process.stdin.write("".join(f"{line}\n" for line in lines).encode())
    process.stdin.flush()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode(), err.decode()


LINES = [f"s{number} x" for number in range(training.BATCH)]


@pytest.mark.usefixtures("server")
def test_standard_input_for_people(node: str) -> None:
    process = start("-", "--format", "text", "--node", node)
    feed(process, "a b", "c d")
    code, out, err = ended(process)
    assert (code, err) == (0, "")
    assert [line.split()[-1] for line in out.splitlines()[:5]] == [node, "2", "4", "2", "2"]


@pytest.mark.usefixtures("server")
def test_a_file_that_is_not_there(node: str) -> None:
    code, out, err = ended(start("nowhere.txt", "--node", node))
    assert (code, out, err.strip()) == (1, "", "Error: nowhere.txt: No such file or directory")


@pytest.mark.usefixtures("server")
def test_ctrl_c_while_it_waits_for_lines(node: str, database: psycopg.Connection) -> None:
    process = start("-", "--format", "text", "--node", node, "--json")
    feed(process, *LINES, "one more")
    eventually(lambda: count(database, node) == len(LINES), "the first batch is learned")
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 130
    assert "Interrupted. What was learned stays: 500 sequences; continue with --skip 500" in err
    assert json.loads(out)["sequences"] == 500
    assert count(database, node) == len(LINES)


@pytest.mark.usefixtures("server")
def test_ctrl_c_while_a_batch_is_learned(node: str, database: psycopg.Connection) -> None:
    """Another transaction has locked the node, so the batch waits."""
    database.execute("INSERT INTO memory_app_node (node_id, memory) VALUES (%s, nextval('memory_app_memory'))", [node])
    with psycopg.connect(database.info.dsn) as holder:
        holder.execute("SELECT 1 FROM memory_app_node WHERE node_id = %s FOR UPDATE", [node])
        process = start("-", "--format", "text", "--node", node)
        feed(process, *LINES)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%memory_app_node%%'"
        eventually(lambda: database.execute(waiting).fetchone() is not None, "the batch waits")
        process.send_signal(signal.SIGINT)
        eventually(lambda: not pending(process, signal.SIGINT), "the signal has arrived")
    code, _, err = ended(process)
    assert (code, count(database, node)) == (130, len(LINES))
    assert "What was learned stays: 500 sequences; continue with --skip 500" in err


def pending(process: subprocess.Popen[bytes], number: int) -> bool:
    """Is the signal still pending for the process?"""
    status = Path(f"/proc/{process.pid}/status").read_text()
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def count(database: psycopg.Connection, node: str) -> int:
    [number] = database.execute(
        "SELECT count(*) FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %s", [node]
    ).fetchone() or [0]
    return int(number)


LONG = "x" * 1500

# Not the peak that the system counts for a child: that starts with the memory of pytest at the fork.
PRINT_PEAK = """
import atexit, re, runpy, sys
from pathlib import Path
atexit.register(lambda: print(re.search("VmHWM: *(.*) kB", Path("/proc/self/status").read_text())[1]))
sys.argv[0] = "manage.py"
runpy.run_path("manage.py", run_name="__main__")
"""


@pytest.mark.exhaustive
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("name", "options", "row"),
    [
        ("big.ndjson", [], f'[["s%(number)d", "common"], ["{LONG}"]]'),
        ("big.csv", ["--dry-run", "--case", "case", "--symbols", "symbol"], f"%(case)d,%(number)d {LONG}"),
    ],
)
def test_ten_times_the_file_needs_no_more_memory(
    node: str, tmp_path: Path, name: str, options: list[str], row: str
) -> None:
    file = tmp_path / name
    peaks, sizes = [], []  # MiB
    for rows in (2_000, 20_000):
        with file.open("w") as out:
            out.write("case,symbol\n" if name == "big.csv" else "")
            out.writelines(row % {"number": number, "case": number % (rows // 4)} + "\n" for number in range(rows))
        command = [sys.executable, "-c", PRINT_PEAK, "train", str(file), "--node", node, "--json", *options]
        told = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True).stdout
        peaks.append(int(told.splitlines()[-1]) / 1024)
        sizes.append(file.stat().st_size / 1024**2)
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, f"files of {sizes} MiB took {peaks} MiB"
