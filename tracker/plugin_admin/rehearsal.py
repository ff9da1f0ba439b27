"""Trying a release out on a copy of the database, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask_babel import gettext as _

from tracker.config import Settings
from tracker.core.secrets import key_file
from tracker.plugin_admin.copies import clear_copy, copy_database
from tracker.plugins.loader import SetEntry, SetFile, write_set
from tracker.plugins.setfile import plugins_folder

MODULE = "tracker.ops.rehearsal"
LONGEST_SECONDS = 600
LAST_LINES = 5
# What the child needs of the surroundings: nothing of this instance's own settings.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True)
class Candidate:
    """The release to be rehearsed, unpacked, and the plug-ins that run beside it."""

    entry: SetEntry
    release_id: int
    # Of its tables before; '' when there are none.
    revision: str
    beside: Sequence[SetEntry]


def rehearse(settings: Settings, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return the report of a rehearsal; `passed` says whether the switch may follow.

    Several are tried out beside each other, with one load of the app and one copy.
    Raises PluginError when no copy of the database can be made.
    """
    base = plugins_folder(settings.instance)
    base.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with TemporaryDirectory(prefix=".rehearsal-", dir=base) as name:
        folder = Path(name)
        url = copy_database(settings, folder)
        copied = time.monotonic()
        try:
            report = _run_child(settings, candidates, folder, url)
        finally:
            clear_copy(url)
        size = _size(url)
    report["passed"] = not report["errors"]
    report["copy_seconds"] = round(copied - started, 1)
    report["seconds"] = round(time.monotonic() - started, 1)
    report["database_bytes"] = size
    return report


def try_loading(settings: Settings, candidate: Candidate) -> dict[str, Any]:
    """Load a release once in a process of its own, without any database; return a short report."""
    base = plugins_folder(settings.instance)
    started = time.monotonic()
    with TemporaryDirectory(prefix=".trial-", dir=base) as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'none.db'}"
        report = _run_child(settings, [candidate], folder, url, only_load=True)
    report["passed"] = not report["errors"]
    report["seconds"] = round(time.monotonic() - started, 1)
    return report


def _size(url: str) -> int:
    path = Path(url.removeprefix("sqlite:///"))
    return path.stat().st_size if url.startswith("sqlite") and path.exists() else 0


def _run_child(
    settings: Settings,
    candidates: Sequence[Candidate],
    folder: Path,
    url: str,
    *,
    only_load: bool = False,
) -> dict[str, Any]:
    base = plugins_folder(settings.instance)
    instance = folder / "instance"
    instance.mkdir()
    if key_file(settings.instance).exists():
        shutil.copy2(key_file(settings.instance), key_file(instance))
    entries = {one.name: one for candidate in candidates for one in candidate.beside}
    entries |= {candidate.entry.name: candidate.entry for candidate in candidates}
    write_set(instance, SetFile(0, tuple(_at(base, one) for one in entries.values())))
    task, answer = folder / "task.json", folder / "answer.json"
    task.write_text(
        json.dumps(
            {
                "releases": [
                    {
                        "id": one.release_id,
                        "name": one.entry.name,
                        "folder": str(base / one.entry.path),
                        "revision": one.revision,
                    }
                    for one in candidates
                ],
                "instance": str(instance),
                "database_url": url,
                "only_load": only_load,
            }
        ),
        encoding="utf-8",
    )
    environment = {name: value for name in KEPT if (value := os.environ.get(name)) is not None}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", MODULE, str(task), str(answer)],
            env=environment,
            cwd=folder,
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _nothing(
            _("Diễn tập không xong trong %(minutes)d phút.", minutes=LONGEST_SECONDS // 60)
        )
    if not answer.exists():
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
        return _nothing(
            _(
                "Mô-đun làm dừng cả tiến trình diễn tập (mã %(code)d). %(lines)s",
                code=ended.returncode,
                lines=" ".join(lines)[:400],
            )
        )
    report: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return report


def _at(base: Path, entry: SetEntry) -> SetEntry:
    """Return an entry that names its folder in full, for another instance's set."""
    return SetEntry(
        entry.name, entry.version, str(entry.folder(base)), entry.sha256, entry.wanted, entry.state
    )


def _nothing(error: str) -> dict[str, Any]:
    return {"steps": [], "pages": [], "slow": [], "errors": [error]}
