"""Runs in a process of their own, plug-ins' and others that ask for it: killed at their budget.

The child holds the run's token and ends the run itself; the job process gives the signs of life.
A child whose job process dies ends with it: it reads from a pipe that nobody else holds open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tracker.jobs.calls import Call

# What of the child's complaints goes into the ledger.
LONGEST_TAIL = 2000
LOOK_SECONDS = 0.1

ChildCommand = Callable[[Call], Sequence[str]]


def child_command(call: Call) -> Sequence[str]:
    """Return the command line that runs one run in a process of its own."""
    attempt = str(call.token.attempt)
    return (sys.executable, "-m", "tracker", "jobs", "exec", str(call.run_id), "--attempt", attempt)


class Verdict(Enum):
    """How a child process came to its end."""

    ENDED = "ended"
    OVER_BUDGET = "over_budget"
    LOST = "lost"


@dataclass(frozen=True)
class ChildEnd:
    """How a child process ended, its exit code, and its last words."""

    verdict: Verdict
    code: int
    words: str


def run_child(command: Sequence[str], call: Call, is_over: Callable[[], bool]) -> ChildEnd:
    """Run a child to its end and return what that was.

    It is killed, with all that it started, when `is_over` says that its time is up, or when `call`
    is lost.
    """
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    tail = bytearray()
    reader = threading.Thread(target=_read_tail, args=(process, tail), daemon=True)
    reader.start()
    verdict = Verdict.ENDED
    while process.poll() is None:
        if call.lost.wait(LOOK_SECONDS):
            verdict = Verdict.LOST
        elif is_over():
            verdict = Verdict.OVER_BUDGET
        if verdict is not Verdict.ENDED:
            break
    # Also after a good end: what the child left behind must not outlive the run.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    reader.join(timeout=1)
    words = bytes(tail).decode("utf-8", "replace").strip()
    return ChildEnd(verdict, process.returncode, words)


def _read_tail(process: subprocess.Popen[bytes], tail: bytearray) -> None:
    if process.stderr is None:
        return
    with process.stderr:
        while block := os.read(process.stderr.fileno(), 4096):
            tail += block
            del tail[:-LONGEST_TAIL]


def die_with_parent() -> None:
    """End this process as soon as the one that started it is gone: standard input is its pipe."""

    def wait() -> None:
        # Past Python's own reader: its lock would stand in the way of this process's normal end.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
