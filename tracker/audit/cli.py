"""`tracker audit`: verify the chain, write an anchor."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app

from tracker.audit.anchors import AnchorsUnreadable, anchors_file, read_anchors, write_anchor
from tracker.config import Settings
from tracker.core import changes
from tracker.core.context import current
from tracker.core.db import db

REASONS = {
    "number": "a change set is missing or was added",
    "link": "it does not follow from the set before it",
    "header": "who, when, why or what was changed afterwards",
    "body": "a logged record was changed, added or removed afterwards",
    "anchor": "it is not the set that was anchored: the log was cut or rewritten",
    "head": "the log does not end where its head says: its tail was cut",
}


def _instance() -> Path:
    settings: Settings = current_app.extensions["tracker_settings"]
    return settings.instance


@click.group(epilog="Example: tracker audit verify --anchor /media/usb/anchors.log")
def audit() -> None:
    """The change log: verify it, anchor it."""


@audit.command(epilog="Example: tracker audit verify --anchor /media/usb/anchors.log")
@click.option(
    "--anchor",
    "anchor_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A file of anchors that was kept elsewhere; the instance's own is always read.",
)
def verify(anchor_files: tuple[Path, ...]) -> None:
    """Walk the whole chain; name the first broken change set. Exit code 1 if there is one."""
    own = anchors_file(_instance())
    anchors: dict[int, str] = {}
    try:
        for path in (*([own] if own.exists() else []), *anchor_files):
            anchors |= read_anchors(path)
    except AnchorsUnreadable as error:
        raise click.ClickException(str(error)) from error
    broken = changes.verify(db.session(), anchors)
    if broken is not None:
        raise click.ClickException(
            f"change set {broken.change_set_id} is broken: {REASONS[broken.reason]}"
        )
    click.echo(f"The change log is whole ({len(anchors)} anchors checked).")


@audit.command(epilog="Example: tracker audit anchor")
def anchor() -> None:
    """Write the chain's newest hash to the instance's anchors, and print it."""
    line = write_anchor(db.session(), _instance(), current().clock.now())
    click.echo(line or "Nothing new to anchor.")
