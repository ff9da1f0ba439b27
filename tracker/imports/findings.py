"""What a run found in a large file, as it is kept with the upload until people look at it."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from tracker.imports.engine import DryRun, Line, Problem
from tracker.plugins.descriptors import RowOutcome


@dataclass(frozen=True)
class Finding:
    """Either the dry run, without what would be written, or why the file cannot be used at all."""

    dry_run: DryRun | None = None
    refusal: str = ""


def pack(finding: Finding) -> bytes:
    """Return a finding as it is stored: compressed JSON."""
    plain: dict[str, Any] = {"refusal": finding.refusal}
    if finding.dry_run is not None:
        counts = dict(finding.dry_run.counts)
        plain["dry_run"] = asdict(replace(finding.dry_run, data=None, counts=counts))
    # Messages may be lazy: they are said in the language of whoever sent the file.
    return zlib.compress(json.dumps(plain, ensure_ascii=False, default=str).encode(), 3)


def unpack(stored: bytes) -> Finding:
    """Return a finding from its stored form."""
    plain = json.loads(zlib.decompress(stored))
    found = plain.get("dry_run")
    return Finding(_dry_run(found) if found else None, plain["refusal"])


def _dry_run(plain: dict[str, Any]) -> DryRun:
    return DryRun(
        columns=tuple((key, heading) for key, heading in plain["columns"]),
        lines=tuple(
            Line(
                one["row"],
                one["cells"],
                RowOutcome(one["outcome"]) if one["outcome"] else None,
                one["problems"],
            )
            for one in plain["lines"]
        ),
        problems=tuple(Problem(**one) for one in plain["problems"]),
        unknown_headings=tuple(plain["unknown_headings"]),
        summary=plain["summary"],
        data=None,
        counts={RowOutcome(key): count for key, count in plain["counts"].items()},
    )
