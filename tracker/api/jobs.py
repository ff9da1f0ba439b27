"""Work that the clock starts. A plug-in's jobs run in a process of their own, with a budget."""

from __future__ import annotations

from tracker.jobs.ledger import RunLost, queue
from tracker.plugins.descriptors import JobCall, JobSpec, MissedPolicy

__all__ = ["JobCall", "JobSpec", "MissedPolicy", "RunLost", "queue"]
