"""Templates compiled once an instance: compiling those of the first page takes as long as a query
of ten thousand rows, in each process anew.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from tracker import __version__

FOLDER = "compiled"


class CompiledTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates in a folder of the instance, each for one text and one version."""

    def __init__(self, instance: Path) -> None:
        folder = instance / FOLDER
        # Only its owner may write what is run as code.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(str(folder))

    def get_source_checksum(self, source: str) -> str:
        """Return what a kept template must match: other versions may compile otherwise."""
        return super().get_source_checksum(f"{__version__}|{source}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template; without room on the disk the page is shown all the same."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)
