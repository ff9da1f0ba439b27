"""A run of a job without the ledger: what it says and how far it is stays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tracker.core.work import Work


@dataclass
class DirectCall:
    """What a job's function gets (see tracker.api.jobs.JobCall); for tests to look at."""

    due_at: datetime
    input: Mapping[str, Any] = field(default_factory=dict)
    run_id: UUID = field(default_factory=uuid4)
    done: int = 0
    said: list[str] = field(default_factory=list)
    url: str = ""

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Note how far the job is."""
        self.done = done

    def say(self, text: str) -> None:
        """Note a line of the log."""
        self.said.append(text)

    def link(self, url: str) -> None:
        """Note the page of the result."""
        self.url = url

    def step(self, work: Work, done: int, total: int | None = None, message: str = "") -> None:
        """Note how far the job is, within a unit of work."""
        self.done = done

    def finish_in(self, work: Work, said: str = "") -> None:
        """Note the end, within a unit of work."""
        self.said.append(said)
