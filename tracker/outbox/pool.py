"""A few threads of a server process that do what was posted, right after its commit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, current_app

log = logging.getLogger(__name__)

THREADS = 2
EXTENSION = "tracker_outbox_pool"


class Pool:
    """Threads that call `look`; while enough of them are about to, a further wake adds nothing."""

    def __init__(self, look: Callable[[], object], threads: int = THREADS) -> None:
        self.look = look
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="outbox")
        self.free = threading.BoundedSemaphore(threads * 2)

    def wake(self) -> None:
        """Let a thread look into the outbox."""
        if self.free.acquire(blocking=False):
            try:
                self.executor.submit(self._work)
            except RuntimeError:
                # The process is ending; the job process goes on with what is left.
                self.free.release()

    def _work(self) -> None:
        # Released first: what is posted while this one ends finds another that will look.
        self.free.release()
        try:
            self.look()
        except Exception:
            # The database may be away; what was posted stays, and the job process repeats it.
            log.exception("the outbox could not be worked off")


def start(app: Flask, look: Callable[[], object]) -> Pool:
    """Let this process do at once what it posts: for web servers."""
    pool = app.extensions[EXTENSION] = Pool(look)
    return pool


def wake() -> None:
    """Have what was posted done at once where this process does such work; called after commit."""
    pool: Pool | None = current_app.extensions.get(EXTENSION)
    if pool is not None:
        pool.wake()
