"""A folder of releases for machines without a network: `index.json`, the files, their hashes.

Written by `tracker plugin index build`, carried on a stick, read by `tracker plugin install
--index`. Nothing in it is believed: each file is held against its hash, then checked like any.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flask_babel import gettext as _

from tracker.core.errors import PluginError
from tracker.plugins import packages, signatures
from tracker.plugins.manifest import API_VERSION, version_key
from tracker.plugins.signatures import Signature

INDEX_FILE = "index.json"
FORMAT = 1
LARGEST_INDEX = 4 * 1024 * 1024

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}\.(whl|zip)")


@dataclass(frozen=True)
class Entry:
    """One release in an index."""

    name: str
    version: str
    title_vi: str
    title_en: str
    api: str
    file: str
    sha256: str
    size: int
    signature: str = ""
    fingerprint: str = ""

    @property
    def fits(self) -> bool:
        """Tell whether this host's API will do."""
        major, _dot, minor = self.api.partition(".")
        return (
            major.isdigit()
            and minor.isdigit()
            and int(major) == API_VERSION[0]
            and int(minor) <= API_VERSION[1]
        )


def build_index(folder: Path) -> list[Entry]:
    """Check every wheel and bundle in `folder`, write its index, and return the entries.

    Raises PluginError at the first file that is not a plug-in, or whose `.sig` belongs to another.
    """
    entries = []
    for path in sorted([*folder.glob("*.whl"), *folder.glob("*.zip")]):
        package = packages.open_package(path.read_bytes(), path.name)
        signature = signatures.signature_beside(path)
        if signature is not None and signature.sha256 != package.sha256:
            raise PluginError(_("Chữ ký của %(name)s không phải của tệp này.", name=path.name))
        entries.append(
            Entry(
                name=package.name,
                version=package.version,
                title_vi=package.manifest.title.vi,
                title_en=package.manifest.title.en,
                api=".".join(map(str, package.manifest.api)),
                file=path.name,
                sha256=package.sha256,
                size=package.size,
                signature=signature.signature if signature else "",
                fingerprint=signature.fingerprint if signature else "",
            )
        )
    text = json.dumps(
        {"format": FORMAT, "plugins": [asdict(entry) for entry in entries]},
        ensure_ascii=False,
        indent=1,
    )
    draft = folder / f"{INDEX_FILE}.new"
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(folder / INDEX_FILE)
    return entries


def read_index(folder: Path) -> list[Entry]:
    """Return the entries of an index folder. Raises PluginError."""
    path = folder / INDEX_FILE
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise PluginError(_("Tệp %(path)s lớn quá.", path=path))
        told = json.loads(path.read_text(encoding="utf-8"))
        entries = [Entry(**one) for one in told["plugins"]]
        is_readable = told["format"] == FORMAT and all(
            isinstance(entry.size, int)
            and all(isinstance(one, str) for name, one in asdict(entry).items() if name != "size")
            and _FILE.fullmatch(entry.file)
            for entry in entries
        )
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise PluginError(
            _("%(folder)s không phải kho mô-đun: không đọc được index.json.", folder=folder)
        ) from error
    if not is_readable:
        raise PluginError(_("Kho mô-đun trong %(folder)s có định dạng lạ.", folder=folder))
    return entries


def pick(entries: Sequence[Entry], name: str, version: str = "") -> Entry:
    """Return the wanted release, or the newest that fits this host. Raises PluginError."""
    named = [entry for entry in entries if entry.name == name]
    found = [
        entry for entry in named if (entry.version == version if version else entry.fits)
    ] or named
    if not named or (version and found is named):
        raise PluginError(_("Kho không có mô-đun %(name)s.", name=f"{name} {version}".strip()))
    return max(found, key=lambda entry: version_key(entry.version))


def take(folder: Path, entry: Entry) -> tuple[bytes, Signature | None]:
    """Return a release's file and its signature, held against the index. Raises PluginError."""
    path = folder / entry.file
    try:
        if path.is_symlink() or path.stat().st_size != entry.size:
            raise PluginError(_("Tệp %(file)s khác với danh mục của kho.", file=entry.file))
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(_("Không đọc được %(path)s.", path=path)) from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise PluginError(_("Tệp %(file)s khác với danh mục của kho.", file=entry.file))
    if not entry.signature:
        return content, None
    return content, Signature(
        entry.name, entry.version, entry.sha256, entry.fingerprint, entry.signature
    )
