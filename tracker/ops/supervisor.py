"""`tracker run`: the web server and one job process, watched until they are told to stop.

The web server is gunicorn with threads, as a process of its own (never with preload: a reload must
load new code). SIGTERM and SIGINT end both, SIGHUP reloads both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracker.config import Settings

FACTORY = "tracker.ops.serving:make_app()"
GRACE_SECONDS = 30
READY_SECONDS = 60
# A job process that dies is started again, more slowly each time, up to this.
LONGEST_PAUSE_SECONDS = 60.0


def web_command(settings: Settings) -> list[str]:
    """Return the command line of the web server."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        FACTORY,
        "--bind",
        settings.bind,
        "--worker-class",
        "gthread",
        "--workers",
        str(settings.web_workers),
        "--threads",
        str(settings.web_threads),
        "--graceful-timeout",
        str(GRACE_SECONDS),
        "--keep-alive",
        "30",
        "--no-control-socket",
        "--log-level",
        "warning",
    ]


def worker_command() -> list[str]:
    """Return the command line of the job process."""
    return [sys.executable, "-m", "tracker", "worker"]


@dataclass
class Supervisor:
    """Starts, watches and ends the two processes."""

    settings: Settings
    environment: Mapping[str, str]
    say: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    web: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None

    def serve(self) -> int:
        """Run until told to stop; return the exit code (the web server's when it died)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self._reload())
        self.web = self._start(web_command(self.settings))
        if not self._wait_until_ready():
            self._end()
            return self.web.returncode or 1
        self.say(f"http://{self.settings.bind}")
        self.worker = self._start(worker_command())
        pause, started = 1.0, time.monotonic()
        while not self.stopping.wait(0.5):
            if self.web.poll() is not None:
                self.stopping.set()
                self._end()
                return self.web.returncode or 1
            if self.worker.poll() is not None:
                if time.monotonic() - started > LONGEST_PAUSE_SECONDS:
                    pause = 1.0
                self.stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                if not self.stopping.is_set():
                    self.worker, started = self._start(worker_command()), time.monotonic()
        self._end()
        return 0

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl+C reaches the supervisor only, which ends the others in order.
        return subprocess.Popen(command, env=dict(self.environment), start_new_session=True)

    def _wait_until_ready(self) -> bool:
        host, _, port = self.settings.bind.rpartition(":")
        address = "127.0.0.1" if host in {"0.0.0.0", "[::]"} else host  # noqa: S104
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self.stopping.is_set():
            if self.web is None or self.web.poll() is not None:
                return False
            try:
                with urllib.request.urlopen(
                    f"http://{address}:{port}/healthz", timeout=5
                ) as answer:
                    if answer.status == 200:
                        return True
            except (urllib.error.URLError, OSError):
                self.stopping.wait(0.05)
        return False

    def _reload(self) -> None:
        if self.web is not None:
            self.web.send_signal(signal.SIGHUP)
        if self.worker is not None:
            self.worker.terminate()

    def _end(self) -> None:
        running = [one for one in (self.worker, self.web) if one is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            try:
                process.wait(GRACE_SECONDS + 5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
