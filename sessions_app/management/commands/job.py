"""`manage.py job …`: list, show, retry and cancel background jobs from the command line."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser

from access_app.errors import QuotaUsedUp
from foundation.terminal.arguments import add_json_argument, at_least, utf8
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from foundation.terminal.text import counted
from memory_app.management.arguments import node_id
from sessions_app.errors import JobFinished, JobNotFound
from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Job, Kind, State
from sessions_app.shapes.descriptions import describe_job


class Command(TerminalCommand):
    help = """Manage background jobs: long sequences, training runs, finalize-training.

A job is waiting, running, done, failed or cancelled. A worker does it in steps. What its steps did stays, and a retry
continues after the last one. Finished jobs are deleted after a week."""
    examples = """
  manage.py job list --state failed
  manage.py job show job-5d41…
  manage.py job retry job-5d41…
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        self._add_list(commands)
        self._add_show(commands)
        self._add_retry_and_cancel(commands)

    def _add_list(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "list",
            self._list,
            about="List jobs, the most recently accepted first.",
            examples="""
  manage.py job list
  manage.py job list --state failed --kind train
  manage.py job list --state failed --json | jq -r .job_id | xargs manage.py job retry
""",
        )
        parser.add_argument("--state", choices=State.values, help="only jobs in this state")
        parser.add_argument("--kind", choices=Kind.values, help="only jobs of this kind")
        parser.add_argument("--node", type=node_id, help="only jobs of this node")
        parser.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most this many (50)")
        parser.add_argument("--skip", type=at_least(0), default=0, metavar="N", help="skip the first N jobs")
        add_json_argument(parser, lines=True)

    def _list(
        self,
        state: str | None,
        kind: str | None,
        node: str | None,
        limit: int,
        skip: int,
        json: bool,
        **options: Any,
    ) -> None:
        page = lifecycle.page(
            skip=skip,
            limit=limit,
            state=State(state) if state else None,
            kind=Kind(kind) if kind else None,
            node_id=node,
        )
        if json:
            for job in page.jobs:
                self.print_json(describe_job(job))
        else:
            self.print_table(("job", "kind", "state", "progress", "node", "accepted", "error"), map(_row, page.jobs))
        if rest := max(0, page.total - skip - len(page.jobs)):
            self.tell(f"{rest:,} more: --skip {skip + limit}")

    def _add_show(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "show",
            self._show,
            about="Show the state, the progress and the result of a job.",
            examples="""
  manage.py job show job-5d41…
  manage.py job show job-5d41… --json | jq .result
""",
        )
        parser.add_argument("job_id", type=utf8, metavar="JOB", help="its id")
        add_json_argument(parser)

    def _show(self, job_id: str, json: bool, **options: Any) -> None:
        job = lifecycle.find(job_id)
        if json:
            self.print_json({**describe_job(job), "result": job.result})
            return
        self.print_fields(
            {
                "job": job.id,
                "kind": job.kind,
                "state": job.state,
                "progress": _progress(job),
                "node": job.node_id,
                "session": job.session_id,
                "error": job.error,
                "attempts at this step": job.attempts,
                "accepted": job.created_at,
                "started": job.started_at,
                "finished": job.finished_at,
                "result": job.result,
            }
        )

    def _add_retry_and_cancel(self, commands: Any) -> None:
        for name, perform, about in (
            ("retry", self._retry, "Continue failed or cancelled jobs where they stopped.\nNothing is done twice."),
            (
                "cancel",
                self._cancel,
                "Cancel unfinished jobs.\nWhat their steps did stays; nothing more is done.",
            ),
        ):
            examples = f"""
  manage.py job {name} job-5d41…
"""
            parser = self.add_subcommand(commands, name, perform, about=about, examples=examples)
            parser.add_argument("job_ids", type=utf8, metavar="JOB", nargs="+", help="their ids")
            add_json_argument(parser, lines=True)

    def _retry(self, job_ids: list[str], json: bool, **options: Any) -> None:
        self._perform(job_ids, lifecycle.retry, json=json)

    def _cancel(self, job_ids: list[str], json: bool, **options: Any) -> None:
        self._perform(job_ids, lifecycle.cancel, json=json)

    def _perform(self, job_ids: list[str], operation: Callable[..., Job], *, json: bool) -> None:
        refused = []
        for job_id in job_ids:
            try:
                job = operation(job_id=job_id)
            except (JobNotFound, JobFinished, QuotaUsedUp) as error:
                refused.append(str(error))
                if json:
                    self.print_json({"job_id": job_id, "error": str(error)})
                continue
            if json:
                self.print_json(describe_job(job))
            else:
                self.stdout.write(f"{job_id} is {job.state}")
        if refused:
            raise Error("; ".join(refused))


def _progress(job: Job) -> str:
    return f"{job.progress:.0%} ({job.done:,} of {counted(job.total, 'unit')})"


def _row(job: Job) -> tuple[Any, ...]:
    error = (job.error or "").partition("\n")[0]
    return job.id, job.kind, job.state, f"{job.progress:.0%}", job.node_id, job.created_at, error or None
