"""Anchors: the chain's newest number and hash, written daily where the database cannot reach.

A line is `<number> <hash> <moment in UTC>`. Whoever cuts or rewrites the tail of the log cannot
make it fit an anchor that was copied away (printed, mailed, kept on another machine).
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core.changes import ChangeHead

LINE = re.compile(r"^(\d{1,18}) ([0-9a-f]{64}) (\S+)$")


class AnchorsUnreadable(ValueError):
    """A file of anchors holds a line that is not one; the message names file and line."""


def anchors_file(instance: Path) -> Path:
    """Return where an instance keeps its anchors."""
    return instance / "anchors.log"


def write_anchor(session: Session, instance: Path, now: datetime) -> str:
    """Add the chain's head to the anchors and return the line; the same head is not added twice."""
    head = session.execute(select(ChangeHead.last_id, ChangeHead.hash)).one()
    path = anchors_file(instance)
    if path.exists() and head.last_id in read_anchors(path):
        return ""
    line = f"{head.last_id} {head.hash} {now.isoformat(timespec='seconds')}"
    if head.last_id == 0:
        return ""
    with path.open("a", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def read_anchors(path: Path) -> dict[int, str]:
    """Return the anchors of a file by number. Raises AnchorsUnreadable."""
    anchors: dict[int, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        match = LINE.match(line.strip())
        if match is None:
            raise AnchorsUnreadable(f"{path}: line {number} is not an anchor")
        anchors[int(match[1])] = match[2]
    return anchors
