"""What a machine does about the wanted set, each step in a process that the supervisor starts.

`python -m tracker.ops.arrive fetch`    bring the files of the wanted set here, write the set file
`python -m tracker.ops.arrive trial`    import the plug-ins of the set file, as a server would
`python -m tracker.ops.arrive report`   write into the database how this machine stands
`python -m tracker.ops.arrive start`    report, and clear what switches left that were killed

None of them loads more than it needs, and the supervisor itself loads no plug-in: what a plug-in
does at its import ends this process, not the server. `trial` prints one line of JSON, and then
waits for one line: `report` and a generation, once the servers run what it tried.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from tracker.app import create_app
from tracker.config import Settings, settings_from_environment
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.work import run
from tracker.features import load_models
from tracker.ops.instance import fill
from tracker.plugin_admin import operations
from tracker.plugins import services
from tracker.plugins.host import host_of
from tracker.plugins.loader import (
    KILLED,
    SetFile,
    load_plugins,
    read_set,
)
from tracker.plugins.redaction import without_secrets
from tracker.plugins.states import Reason
from tracker.web.contracts import contracts_of


def machine_name(settings: Settings) -> str:
    """Return by which name this machine is known to the others."""
    return os.environ.get("TRACKER_MACHINE") or f"{socket.gethostname()}:{settings.bind}"[:120]


@contextmanager
def _as_system(app: Flask) -> Iterator[None]:
    context = Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)
    with app.app_context(), acting(context):
        try:
            yield
        finally:
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()


def fetch(settings: Settings) -> None:
    """Bring what the database wants onto this machine, and write it into the set file."""
    with _as_system(create_app(settings)):
        operations.bring_here(settings)


@dataclass(frozen=True)
class Loaded:
    """The app as a server of this machine would make it, and the set that it was made from."""

    settings: Settings
    wanted: SetFile
    app: Flask

    @property
    def failures(self) -> Mapping[str, str]:
        """The plug-ins that were left out, with the reason."""
        return host_of(self.app).failures


def load(settings: Settings) -> Loaded:
    """Make the app with the plug-ins of the set file.

    Names that lead nowhere, clashes and broken mappings are found by making the whole app.
    """
    load_models()
    wanted = read_set(settings.instance)
    return Loaded(settings, wanted, create_app(settings, load_plugins(settings)))


def report(loaded: Loaded, generation: int | None = None) -> None:
    """Write down which plug-ins could not be loaded here, and how far this machine is.

    `generation` is what its servers run; without it, what was loaded.
    """
    host = host_of(loaded.app)
    failures = {name: without_secrets(one) for name, one in host.failures.items()}
    with _as_system(loaded.app):
        fill(loaded.app)
        noted = [_failure(loaded.wanted, name, detail) for name, detail in failures.items()]
        machine = machine_name(loaded.settings)
        run(services.note_failures, services.NoteFailures(machine, loaded.wanted.generation, noted))
        run(
            services.note_server,
            services.NoteServer(
                machine=machine,
                generation=loaded.wanted.generation if generation is None else generation,
                detail={
                    "plugins": {name: one.version for name, one in host.plugins.items()},
                    "failures": failures,
                    "safe_mode": host.is_safe,
                },
            ),
        )


def _failure(wanted: SetFile, name: str, detail: str) -> services.NoteFailure:
    version = next((one.version for one in wanted.entries if one.name == name), "")
    reason = Reason.IMPORT_KILLED if detail == KILLED else Reason.IMPORT_FAILED
    return services.NoteFailure(name, version, reason, detail[:300])


def main(words: list[str]) -> None:
    """Do one of the four."""
    settings = settings_from_environment()
    if words == ["fetch"]:
        fetch(settings)
    elif words == ["trial"]:
        # What plug-ins print must not be taken for the answer.
        answer, sys.stdout = sys.stdout, sys.stderr
        loaded = load(settings)
        answer.write(json.dumps(dict(loaded.failures), ensure_ascii=False) + "\n")
        answer.flush()
        # The servers take it over now; what is loaded here already then says so.
        told = sys.stdin.readline().split()
        if told[:1] == ["report"]:
            report(loaded, int(told[1]))
    elif words[:1] in (["report"], ["start"]) and all(word.isdecimal() for word in words[1:]):
        report(load(settings), *map(int, words[1:2]))
        if words[0] == "start":
            operations.clear_left_behind(settings)
    else:
        raise SystemExit(f"usage: {Path(__file__).stem} fetch|trial|report|start [generation]")


if __name__ == "__main__":
    main(sys.argv[1:])
