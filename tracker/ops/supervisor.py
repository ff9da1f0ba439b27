"""`tracker run`: the web server and one job process, watched until they are told to stop.

The web server is gunicorn with threads, as a process of its own (never with preload: a reload must
load new code). SIGTERM and SIGINT end both, SIGHUP reloads both. A reload exchanges the web workers
one by one, each only when its successor serves: gunicorn's own takes all away at once, and requests
wait until the first new one has loaded. At a start the first web worker has the machine to itself
until it serves; then come the others and the job process.

The supervisor keeps the machine at the wanted set of plug-ins: where the database's generation is
newer than the set file's it has the files brought, where the file wants other code it has it tried
in a process of its own, and then reloads. It imports neither the app nor a plug-in.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tracker.config import Settings
from tracker.ops import workers
from tracker.ops.watching import Reader, generation
from tracker.plugins.setfile import (
    SWITCH_LOCK,
    code_of,
    plugins_folder,
    read_plain,
    write_plain,
)

log = logging.getLogger(__name__)

FACTORY = "tracker.ops.serving:make_app()"
HOOKS = "python:tracker.ops.gunicorn_hooks"
GRACE_SECONDS = 30
READY_SECONDS = 60
# A job process that dies is started again, more slowly each time, up to this.
LONGEST_PAUSE_SECONDS = 60.0
LOOK_SECONDS = 0.5
# How often the database is asked whether the wanted set has changed.
ASK_SECONDS = 1.0
FETCH_AGAIN_SECONDS = 10.0
# How long after a switch without other code it is told of.
SETTLE_SECONDS = 2.0
# A trial that takes longer has come upon a plug-in that never ends; its mark says which.
TRIAL_SECONDS = 60
MOST_TRIALS = 5
# Exit codes of gunicorn when a worker could not load the app.
BOOT_FAILED = {3, 4}


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
        "--config",
        HOOKS,
        # The others follow when the first one serves.
        "--workers",
        "1",
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


def arrive_command(*words: str) -> list[str]:
    """Return the command line of a step towards the wanted set (see tracker.ops.arrive)."""
    return [sys.executable, "-m", "tracker.ops.arrive", *words]


@dataclass
class Supervisor:
    """Starts, watches and ends the two processes."""

    settings: Settings
    environment: Mapping[str, str]
    say: Callable[[str], None]
    # Called when the server, by itself, starts without plug-ins.
    warn: Callable[[], None] = field(default=lambda: None)
    stopping: threading.Event = field(default_factory=threading.Event)
    reloading: threading.Event = field(default_factory=threading.Event)
    web: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None
    # The step towards the wanted set that is under way.
    step: subprocess.Popen[bytes] | None = None
    # The code that the servers have loaded, and the newest generation that was brought here.
    running: str = ""
    brought: int = 0
    # Whether the server has its first worker only.
    _is_starting: bool = False
    _reader: Reader | None = None
    _asked_at: float = 0.0
    _report_at: float | None = None
    _looking: threading.Thread | None = None
    _worker_pause: float = 1.0
    _worker_started: float = 0.0

    def serve(self) -> int:
        """Run until told to stop; return the exit code (the web server's when it died)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self.reloading.set())
        workers.clear(self.settings.instance)
        code = self._start_web()
        if code is not None:
            self._end()
            return code
        self.say(f"http://{self.settings.bind}")
        self._start_worker()
        self._reader = Reader(self.settings)
        while not self.stopping.wait(LOOK_SECONDS):
            if self.web is not None and self.web.poll() is not None:
                # A reload whose workers could not load the app ends gunicorn as a whole.
                code = self.web.returncode or 1
                code = (self._start_web() or 0) if code in BOOT_FAILED else code
                if code:
                    self.stopping.set()
                    self._end()
                    return code
            self._watch_worker()
            if not self._is_busy():
                if self._is_starting:
                    self._in_background(self._complete)
                else:
                    self._watch_set()
        self._end()
        return 0

    # -- the web server ------------------------------------------------------------------

    def _start_web(self) -> int | None:
        """Start the web server; return None when it answers, else the exit code.

        A server that fails to start twice with plug-ins is started without any.
        """
        for attempt in (1, 2, 3):
            self.running, self.brought = self._wanted()
            self.web = self._start(web_command(self.settings))
            if self._wait_until_ready() or self.stopping.is_set():
                self._is_starting = True
                return None
            code = self.web.poll()
            has_plugins = bool(self._plain()["plugins"]) and not self._is_safe()
            if not has_plugins or (code is not None and code not in BOOT_FAILED):
                return code or 1
            self._kill(self.web)
            if attempt == 2:
                self._go_safe()
        return 1

    def _complete(self) -> None:
        """Add the other web workers to the first."""
        self._is_starting = False
        for _number in range(self.settings.web_workers - 1):
            self._add_web_worker()
        self._settle()

    def _go_safe(self) -> None:
        self.warn()
        write_plain(self.settings.instance, {**self._plain(), "safe_mode": True})

    def _is_safe(self) -> bool:
        return self.settings.safe_mode or bool(self._plain()["safe_mode"])

    def _plain(self) -> dict[str, object]:
        try:
            return read_plain(self.settings.instance)
        except ValueError:
            # The loader says what is wrong with it, and starts without plug-ins.
            return {"generation": 0, "safe_mode": False, "plugins": []}

    def _wanted(self) -> tuple[str, int]:
        """Return the code that the set file wants, and the file's generation."""
        data = self._plain()
        try:
            return code_of(data), int(str(data["generation"]))
        except (KeyError, TypeError, ValueError):
            return "", 0

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl+C reaches the supervisor only, which ends the others in order.
        return subprocess.Popen(command, env=dict(self.environment), start_new_session=True)

    def _wait_until_ready(self) -> bool:
        # Loaded while the server loads.
        import urllib.error
        import urllib.request

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

    # -- the job process -----------------------------------------------------------------

    def _start_worker(self) -> None:
        self.worker, self._worker_started = self._start(worker_command()), time.monotonic()

    def _watch_worker(self) -> None:
        if self.worker is None or self.worker.poll() is None:
            return
        if time.monotonic() - self._worker_started > LONGEST_PAUSE_SECONDS:
            self._worker_pause = 1.0
        # Told to end by a reload, it comes back at once.
        pause = 0.0 if self.worker.returncode in {0, -signal.SIGTERM} else self._worker_pause
        self.stopping.wait(pause)
        if pause:
            self._worker_pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        if not self.stopping.is_set():
            self._start_worker()

    # -- the wanted set ------------------------------------------------------------------

    def _watch_set(self) -> None:
        """Look whether something else is wanted; what takes time is done beside the watching."""
        code, brought = self._wanted()
        if code != self.running or self.reloading.is_set():
            self._in_background(self._switch)
        elif brought != self.brought:
            self.brought = brought
            # One switch often follows another: they are told of together.
            self._report_at = time.monotonic() + SETTLE_SECONDS
        elif self._report_at is not None and time.monotonic() >= self._report_at:
            self._report_at = None
            self._in_background(self._report)
        elif time.monotonic() - self._asked_at >= ASK_SECONDS and self._reader is not None:
            self._asked_at = time.monotonic()
            newest = generation(self._reader)
            if newest is not None and newest > brought and not self._is_switching():
                self._in_background(self._fetch)

    def _is_switching(self) -> bool:
        """Tell whether a switch is under way on this machine, which will write the set file."""
        try:
            with (plugins_folder(self.settings.instance) / SWITCH_LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _is_busy(self) -> bool:
        return self._looking is not None and self._looking.is_alive()

    def _in_background(self, step: Callable[[], None]) -> None:
        self._looking = threading.Thread(target=step, daemon=True, name=step.__name__)
        self._looking.start()

    def _fetch(self) -> None:
        if not self._arrive(TRIAL_SECONDS, "fetch"):
            # Asked for again a little later: the database or the disk may be back by then.
            self._asked_at = time.monotonic() + FETCH_AGAIN_SECONDS

    def _switch(self) -> None:
        """Try the wanted code, then reload; a plug-in that breaks the trial leaves its mark."""
        self.reloading.clear()
        for _attempt in range(MOST_TRIALS):
            code, brought = self._wanted()
            trial = self._try()
            if trial is not None:
                break
        else:
            # No worker could load it either: better without plug-ins than without a server.
            self._go_safe()
            code, brought = self._wanted()
        self.running, self.brought = code, brought
        self._reload()
        # The trial has loaded what is to be told.
        told = f"report {brought}\n".encode()
        if trial is None or not self._finish(trial, TRIAL_SECONDS, told):
            self._report()

    def _settle(self) -> None:
        """Tell how this machine stands, and clear what it was killed over before this start."""
        self._arrive(TRIAL_SECONDS, "start", str(self.brought))

    def _report(self) -> None:
        # What the servers run by now: the file may want more already.
        self._arrive(TRIAL_SECONDS, "report", str(self.brought))

    def _try(self) -> subprocess.Popen[bytes] | None:
        """Have the wanted code loaded in a process of its own, which then waits for a word.

        None where that ended or froze the process.
        """
        trial = self._begin("trial")
        deadline = time.monotonic() + TRIAL_SECONDS
        while trial.stdout is not None and time.monotonic() < deadline:
            if self.stopping.is_set():
                break
            if not select.select([trial.stdout], [], [], LOOK_SECONDS)[0]:
                continue
            line = trial.stdout.readline()
            if not line:
                break
            if line.startswith(b"{"):
                return trial
        self._kill(trial)
        return None

    def _arrive(self, seconds: float, *words: str) -> bool:
        """Take a step in a process of its own; tell whether it went well."""
        return self._finish(self._begin(*words), seconds)

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        self.step = subprocess.Popen(
            arrive_command(*words),
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            # Looked at piece by piece: nothing may wait in a buffer.
            bufsize=0,
            start_new_session=True,
        )
        return self.step

    def _finish(
        self, step: subprocess.Popen[bytes], seconds: float, word: bytes | None = None
    ) -> bool:
        """Give a step its last word and wait for its end; tell whether it went well."""
        try:
            step.communicate(word, timeout=seconds)
        except subprocess.TimeoutExpired:
            self._kill(step)
        return step.returncode == 0

    def _reload(self) -> None:
        """Exchange the web workers one by one, then the job process."""
        for _number in range(self.settings.web_workers):
            before = self._workers()
            self._add_web_worker()
            # gunicorn takes away the oldest, which finishes what it is at.
            self._signal_web(signal.SIGTTOU)
            self._wait_for(partial(self._has_lost, before))
        if self.worker is not None and self.worker.poll() is None:
            self.worker.terminate()

    def _add_web_worker(self) -> None:
        before = self._workers()
        self._signal_web(signal.SIGTTIN)
        serves = self._wait_for(partial(self._has_new, before))
        if not serves and not self.stopping.is_set():
            log.warning("a new web worker does not serve yet after %s s", READY_SECONDS)

    def _has_new(self, known: set[int]) -> bool:
        return bool(self._workers() - known)

    def _has_lost(self, known: set[int]) -> bool:
        return not known or not known <= self._workers()

    def _workers(self) -> set[int]:
        """Return the process numbers of the web workers that serve now."""
        parent = self.web.pid if self.web is not None else 0
        return workers.workers_of(self.settings.instance, parent)

    def _signal_web(self, number: signal.Signals) -> None:
        if self.web is not None and self.web.poll() is None:
            self.web.send_signal(number)

    def _wait_for(self, is_so: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self.stopping.is_set():
            if is_so():
                return True
            if self.web is None or self.web.poll() is not None:
                return False
            self.stopping.wait(0.1)
        return False

    # -- the end -------------------------------------------------------------------------

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _end(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self.step is not None:
            # Whatever it was at is done again at the next start.
            self._kill(self.step)
        running = [one for one in (self.worker, self.web) if one is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            try:
                process.wait(GRACE_SECONDS + 5)
            except subprocess.TimeoutExpired:
                self._kill(process)
