"""What a plug-in's job may do to its process, and the command that runs one of its runs.

`python -m tests.faults.child URL INSTANCE CLOCK RUN ATTEMPT` stands for `tracker jobs exec`, which
loads plug-ins from their installed packages.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

from flask import Flask

from tests.faults.nursery import FileClock, settings_for, work_through
from tracker.app import create_app
from tracker.config import Settings
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.jobs.child import die_with_parent
from tracker.jobs.cli import run_claimed
from tracker.plugins.descriptors import JobCall, JobSpec
from tracker.plugins.hookspecs import hookimpl

BUDGET_SECONDS = 60


def tell(call: JobCall) -> str:
    """Say in which process it runs."""
    call.progress(3, 4, "gần xong")
    call.say("một dòng")
    return f"pid {os.getpid()}"


def slow(call: JobCall) -> str:
    """Write effects step by step."""
    return work_through(call, pause=0.3, ends=True)


@hookimpl
def jobs() -> tuple[JobSpec, ...]:
    """Offer these jobs."""
    return tuple(
        JobSpec(
            key=f"evil.{way.__name__}",
            label=way.__name__,
            run=way,
            budget_seconds=BUDGET_SECONDS,
        )
        for way in (tell, slow)
    )


def make_app(settings: Settings, clock: FileClock) -> Flask:
    """Return an app with a plug-in that offers these jobs."""
    plugin = SimpleNamespace(__name__="tracker_evil.hooks", tracker_register_jobs=jobs)
    return create_app(settings, {"evil": plugin}, clock=clock)


def main() -> None:
    """Run one run."""
    url, instance, clock_file, run_id, attempt = sys.argv[1:]
    clock = FileClock(Path(clock_file))
    app = make_app(settings_for(url, Path(instance)), clock)
    die_with_parent()
    with app.app_context(), acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
        run_claimed(UUID(run_id), int(attempt))


if __name__ == "__main__":
    main()
