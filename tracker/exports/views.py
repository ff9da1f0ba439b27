"""What the page of a large list answers instead of a file."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from tracker.core.work import run
from tracker.exports import services
from tracker.plugins.host import host_of


def later(filename: str) -> Response:
    """Have the list of this request written by a run, and lead to the page of its progress."""
    is_foreign = host_of(current_app).owner_of_endpoint(request.endpoint) is not None
    asked = services.AskForExport(_address(), filename, is_foreign)
    run_id = run(services.ask_for_export, asked)
    return redirect(url_for("jobs.show_run", run_id=run_id), 303)


def _address() -> str:
    """Return the address of this request, written anew: a path and parameters, nothing else."""
    path = url_for(request.endpoint or "", **(request.view_args or {}))
    asked = urlencode(list(request.args.items(multi=True)))
    return f"{path}?{asked}" if asked else path
