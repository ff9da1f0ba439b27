"""Where plug-ins come from: a file, a folder of sources, an index folder, a package index."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from flask_babel import gettext as _

from tracker.config import Settings
from tracker.core.errors import PluginError
from tracker.plugins import index, packages, signatures
from tracker.plugins.manifest import is_name
from tracker.plugins.setfile import plugins_folder
from tracker.plugins.signatures import Signature

BUILD_SECONDS = 300
# Of wheels that are built: the same sources give the same bytes, and so the same hash.
BUILD_MOMENT = "315532800"
NOT_SOURCES = frozenset({"__pycache__", "build", "dist", ".git", ".venv", ".pytest_cache"})

_WANTED = re.compile(r"([a-z][a-z0-9_]*)(?:==([0-9][0-9a-z.]*))?")


@dataclass(frozen=True)
class Source:
    """What was fetched: the file, its name, and the signature that came with it."""

    content: bytes = field(repr=False)
    filename: str
    signature: Signature | None


def fetch(settings: Settings, what: str, index_folder: Path | None = None) -> Source:
    """Return the plug-in that `what` names: a path, or a name with or without `==version`.

    A name is looked for in the index folder, or in the package index that is set. Raises
    PluginError.
    """
    if index_folder is None:
        path = Path(what).expanduser()
        if path.is_file():
            return from_file(path)
        if path.is_dir():
            source_folder(path)
            if not settings.plugin_unsigned:
                # Building runs code of the folder, and nobody has signed what comes out.
                raise PluginError(
                    _(
                        "Mã nguồn chưa được ai ký nên không đóng gói ở đây. Hãy đóng gói, ký bằng "
                        "tracker plugin sign, rồi cài tệp .whl."
                    )
                )
            return from_folder(settings, path)
    return from_index(settings, what, index_folder)


def wanted_name(what: str) -> tuple[str, str]:
    """Return the name and the version ('' = the newest) that `what` asks an index for.

    Raises PluginError.
    """
    found = _WANTED.fullmatch(what.strip().lower().replace("-", "_").removeprefix("tracker_"))
    if found is None or not is_name(found[1]):
        raise PluginError(_("Không có tệp, thư mục hay mô-đun nào là “%(what)s”.", what=what[:200]))
    return found[1], found[2] or ""


def from_index(settings: Settings, what: str, folder: Path | None = None) -> Source:
    """Return a plug-in by its name: from an index folder, or from the index that is set.

    What is set may be a folder, too: one that every machine sees, or a stick. Raises PluginError.
    """
    name, version = wanted_name(what)
    if folder is None and settings.plugin_index and Path(settings.plugin_index).is_dir():
        folder = Path(settings.plugin_index)
    if folder is None:
        return from_package_index(settings, name, version)
    entry = index.pick(index.read_index(folder), name, version)
    content, signature = index.take(folder, entry)
    return Source(content, entry.file, signature)


def from_file(path: Path) -> Source:
    """Return a wheel or a bundle, with the signature that lies beside it."""
    if path.stat().st_size > packages.LARGEST_FILE:
        raise PluginError(_("%(name)s lớn quá.", name=path.name))
    return Source(path.read_bytes(), path.name, signatures.signature_beside(path))


def source_folder(folder: Path) -> None:
    """Raise PluginError unless the sources of a plug-in lie in `folder`."""
    if not (folder / "pyproject.toml").is_file():
        raise PluginError(
            _(
                "%(folder)s không phải mã nguồn của mô-đun (không có pyproject.toml). Nếu đây là "
                "kho mô-đun, hãy dùng --index.",
                folder=folder,
            )
        )


def from_folder(settings: Settings, folder: Path) -> Source:
    """Build the plug-in whose sources lie in `folder`; the result is signed by nobody."""
    source_folder(folder)
    wheel = build(folder, plugins_folder(settings.instance) / "built")
    return Source(wheel.read_bytes(), wheel.name, None)


def build(folder: Path, cache: Path) -> Path:
    """Return the wheel of the sources in `folder`; unchanged sources are built once.

    Built from a copy with setuptools as it is here: nothing is fetched, nothing is left behind.
    Raises PluginError with the last words of the build.
    """
    target = cache / _digest(folder)
    done = sorted(target.glob("*.whl"))
    if done:
        return done[0]
    with TemporaryDirectory(prefix="tracker-build-") as name:
        work = Path(name)
        shutil.copytree(
            folder, work / "source", ignore=lambda _path, names: NOT_SOURCES.intersection(names)
        )
        ended = _pip(
            "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir",
            str(work / "out"), str(work / "source"),
        )  # fmt: skip
        wheels = sorted((work / "out").glob("*.whl"))
        if ended.returncode or len(wheels) != 1:
            raise PluginError(
                _("Không đóng gói được %(folder)s: %(error)s", folder=folder.name,
                  error=_last_words(ended.stderr))
            )  # fmt: skip
        target.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheels[0], target / wheels[0].name))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not NOT_SOURCES.intersection(inside.parts):
            digest.update(f"{inside}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": BUILD_MOMENT, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PluginError(_("pip chạy quá lâu nên đã dừng.")) from error


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-3:])[-300:]


def from_package_index(settings: Settings, name: str, version: str) -> Source:
    """Return a plug-in's wheel from the package index that is set (or pip's own)."""
    distribution = f"tracker-{name.replace('_', '-')}"
    wanted = f"{distribution}=={version}" if version else distribution
    options = ["--index-url", settings.plugin_index] if settings.plugin_index else []
    with TemporaryDirectory(prefix="tracker-download-") as folder:
        ended = _pip(
            "download", "--no-deps", "--only-binary", ":all:", "--dest", folder, *options, wanted
        )
        wheels = sorted(Path(folder).glob("*.whl"))
        if ended.returncode or len(wheels) != 1:
            raise PluginError(
                _("Không tải được %(name)s: %(error)s", name=wanted,
                  error=_last_words(ended.stderr))
            )  # fmt: skip
        return from_file(wheels[0])
