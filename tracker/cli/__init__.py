"""The tracker command. `main` is what the console script calls; it imports nothing heavy."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code.

    0 done, 1 could not be done (one line on stderr says why), 2 the command was not understood.
    """
    from tracker.cli.root import tracker

    tracker(prog_name="tracker")
