"""What gunicorn is told to do in its workers (named by the supervisor's command line)."""

from __future__ import annotations

import gc


def post_fork(_server: object, _worker: object) -> None:
    """Look for no garbage while the app loads: nearly all that is made then stays."""
    gc.disable()


def post_worker_init(_worker: object) -> None:
    """Look for garbage from now on, only among what is made from now on."""
    gc.freeze()
    gc.enable()
