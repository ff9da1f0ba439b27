#!/usr/bin/env python3
"""Fetch, or check, the front-end files of other projects that the application ships.

``tools/vendor.lock.json`` names each npm package with its version, the registry's sha512
integrity and the files taken from it with their sha256. The files are committed, so running or
installing the application never needs a network.

    python tools/vendor.py            fetch every package, verify it, write the files
    python tools/vendor.py --check    compare the committed files with the lock, offline
    python tools/vendor.py --update   as the first, but write new hashes into the lock

The last one is for raising a version: edit the version in the lock, run it, read the diff.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path(__file__).resolve().with_name("vendor.lock.json")


class VendorError(Exception):
    """A package or file is not what the lock says; the message names it."""


@dataclass(frozen=True)
class VendoredFile:
    """One file taken from a package: its path there, its path here, its expected sha256."""

    source: str
    target: str
    sha256: str


@dataclass(frozen=True)
class Package:
    """One npm package of the lock."""

    name: str
    version: str
    licence: str
    integrity: str
    files: tuple[VendoredFile, ...]


def read_lock(path: Path = LOCK) -> tuple[Package, ...]:
    """Return the packages of the lock file. Raises VendorError when it can't be read."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Package(
                name=package["name"],
                version=package["version"],
                licence=package["licence"],
                integrity=package["integrity"],
                files=tuple(
                    VendoredFile(entry["from"], entry["to"], entry["sha256"])
                    for entry in package["files"]
                ),
            )
            for package in document["packages"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VendorError(f"{path.name} cannot be read: {error!r}") from error


def write_lock(packages: tuple[Package, ...], path: Path = LOCK) -> None:
    """Write the packages back in a stable order of keys, so that a diff shows what changed."""
    document = {
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "licence": package.licence,
                "integrity": package.integrity,
                "files": [
                    {"from": entry.source, "to": entry.target, "sha256": entry.sha256}
                    for entry in package.files
                ],
            }
            for package in packages
        ]
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def sha256_of(content: bytes) -> str:
    """Return the hexadecimal sha256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def integrity_of(content: bytes) -> str:
    """Return the sha512 of some bytes in the form that npm uses (``sha512-<base64>``)."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")


def target_path(target: str, root: Path = ROOT) -> Path:
    """Return where a file goes. Raises VendorError when that lies outside the project."""
    path = (root / target).resolve()
    if not path.is_relative_to(root.resolve()):
        raise VendorError(f"{target} lies outside the project")
    return path


def problems(packages: tuple[Package, ...], root: Path = ROOT) -> Iterator[str]:
    """Yield one sentence for each committed file that differs from the lock, without a network."""
    expected: set[Path] = set()
    for package in packages:
        for entry in package.files:
            path = target_path(entry.target, root)
            expected.add(path)
            if not path.is_file():
                yield f"{entry.target} is missing ({package.name} {package.version})"
            elif sha256_of(path.read_bytes()) != entry.sha256:
                yield f"{entry.target} differs from {package.name} {package.version}"
    for folder in sorted({path.parent for path in expected}):
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.is_file() and path not in expected:
                    yield f"{path.relative_to(root)} is not in the lock"


def pack(package: Package, folder: Path) -> bytes:
    """Download one package with npm and return the archive. Raises VendorError on failure."""
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError("npm is needed to fetch packages (apt install npm)")
    done = subprocess.run(
        [npm, "pack", "--json", f"{package.name}@{package.version}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise VendorError(f"npm pack {package.name}: {done.stderr.strip()}")
    archives = sorted(folder.glob("*.tgz"))
    if len(archives) != 1:
        raise VendorError(f"npm pack {package.name} left {len(archives)} archives")
    return archives[0].read_bytes()


def fetch(package: Package, *, update: bool, root: Path = ROOT) -> Package:
    """Fetch one package and write its files.

    Returns the package with the hashes seen. Raises VendorError when the archive or a file does
    not match the lock, unless ``update`` is set; nothing of the package is written then.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = pack(package, folder)
        integrity = integrity_of(content)
        if integrity != package.integrity and not update:
            raise VendorError(f"{package.name} {package.version}: integrity is {integrity}")
        seen: list[tuple[VendoredFile, bytes]] = []
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            for entry in package.files:
                try:
                    member = archive.extractfile(f"package/{entry.source}")
                except KeyError:
                    member = None
                if member is None:
                    raise VendorError(f"{package.name} {package.version} has no {entry.source}")
                body = member.read()
                if sha256_of(body) != entry.sha256 and not update:
                    raise VendorError(f"{entry.source} of {package.name}: sha256 differs")
                seen.append((VendoredFile(entry.source, entry.target, sha256_of(body)), body))
    for entry, body in seen:
        path = target_path(entry.target, root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return Package(
        package.name, package.version, package.licence, integrity, tuple(e for e, _ in seen)
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when everything matches, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare committed files, offline")
    mode.add_argument("--update", action="store_true", help="write new hashes into the lock")
    options = parser.parse_args(arguments)
    try:
        packages = read_lock()
        if not options.check:
            packages = tuple(fetch(package, update=options.update) for package in packages)
            if options.update:
                write_lock(packages)
        found = list(problems(packages))
    except VendorError as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 1
    for problem in found:
        print(f"vendor: {problem}", file=sys.stderr)
    if not found:
        count = sum(len(package.files) for package in packages)
        print(f"vendor: {count} files of {len(packages)} packages match the lock")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
