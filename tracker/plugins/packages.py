"""Wheels and bundles, looked at before anything in them runs: nothing here imports or executes.

A plug-in comes as a wheel, or as a bundle: a ZIP with its wheel and the further wheels it needs.
Whatever is wrong ends in PluginError with one plain sentence. Rules: PEP 427 (wheels), PEP 376
(RECORD), and OWASP ASVS 5.0 5.2.3 and 5.3.2 (unpacked sizes, no names taken from an archive that
lead out of it).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from flask_babel import gettext as _
from packaging.tags import sys_tags
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)

from tracker.core.errors import PluginError
from tracker.plugins.manifest import (
    ENTRY_POINT_GROUP,
    FILE_NAME,
    Manifest,
    read_manifest,
)

LARGEST_FILE = 20 * 1024 * 1024
LARGEST_UNPACKED = 100 * 1024 * 1024
LARGEST_MEMBER = 40 * 1024 * 1024
MOST_MEMBERS = 5000
# A file of a few kB that claims to grow a thousandfold is a bomb, whatever its size in the end.
HIGHEST_RATIO = 200
RATIO_COUNTS_FROM = 1024 * 1024
LONGEST_PATH = 200
BUNDLE_FILE = "bundle.json"
BUNDLE_SUFFIX = ".bundle.zip"
BUNDLE_FORMAT = 1
BLOCK = 1024 * 1024
# In an unpacked release: the hash of the file that it is from.
MARK = ".sha256"

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_PLAIN_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")


@dataclass(frozen=True)
class Wheel:
    """One checked wheel: what it is, what it needs, and its files."""

    filename: str
    distribution: str
    version: str
    requires: Sequence[Requirement]
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def top_level(self) -> frozenset[str]:
        """Return the names that it adds to what Python can import."""
        return frozenset(
            PurePosixPath(name).parts[0].removesuffix(".py")
            for name in self.files
            if not PurePosixPath(name).parts[0].endswith(".dist-info")
        )


@dataclass(frozen=True)
class Package:
    """A checked plug-in: its declaration, its wheel, the libraries that travel with it."""

    manifest: Manifest
    filename: str
    sha256: str
    size: int
    wheel: Wheel
    libraries: Sequence[Wheel]
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Return the plug-in's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Return the plug-in's version."""
        return self.manifest.version

    @property
    def has_migrations(self) -> bool:
        """Tell whether it brings tables, or changes of them."""
        folder = f"{self.manifest.package}/migrations/versions/"
        return any(name.startswith(folder) and name.endswith(".py") for name in self.wheel.files)

    @property
    def library_versions(self) -> dict[str, str]:
        """Return the versions of the libraries that travel with it, by distribution."""
        return {one.distribution: one.version for one in self.libraries}


def open_package(content: bytes, filename: str) -> Package:
    """Return the plug-in in a wheel or a bundle. Raises PluginError saying what is wrong."""
    filename = filename.replace("\\", "/").rpartition("/")[2]
    if not _PLAIN_FILE.fullmatch(filename):
        raise PluginError(_("Tên tệp “%(name)s” không dùng được.", name=filename[:100]))
    if len(content) > LARGEST_FILE:
        raise PluginError(
            _(
                "%(name)s lớn quá: tối đa %(most)d MB.",
                name=filename,
                most=LARGEST_FILE // 1024 // 1024,
            )
        )
    libraries: tuple[Wheel, ...] = ()
    if filename.endswith(".whl"):
        wheel = _open_wheel(content, filename)
    elif filename.endswith(".zip"):
        wheel, libraries = _open_bundle(content, filename)
    else:
        raise PluginError(
            _("%(name)s không phải gói mô-đun: cần tệp .whl hoặc .bundle.zip.", name=filename)
        )
    manifest = _check_plugin(wheel)
    for library in libraries:
        _check_library(library, manifest)
    return Package(
        manifest=manifest,
        filename=filename,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        wheel=wheel,
        libraries=libraries,
        content=content,
    )


# -- archives -------------------------------------------------------------------------------


def read_archive(content: bytes, filename: str, room: int = LARGEST_UNPACKED) -> dict[str, bytes]:
    """Return the files of a ZIP by name. Raises PluginError for one that no honest tool makes.

    Names that lead out of the archive, links, devices, doubled names, encryption and bombs are
    refused; sizes are counted while reading, never taken from the archive's own word, and add up
    to at most `room`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read_members(archive, filename, room)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise PluginError(
            _("%(name)s bị hỏng hoặc không phải tệp nén ZIP.", name=filename)
        ) from error
    except ValueError as error:
        raise PluginError(_("%(name)s bị hỏng.", name=filename)) from error


def _read_members(archive: zipfile.ZipFile, filename: str, room: int) -> dict[str, bytes]:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise PluginError(
            _("%(name)s có quá nhiều tệp (tối đa %(most)d).", name=filename, most=MOST_MEMBERS)
        )
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    total = 0
    for member in members:
        _check_member(member, filename)
        if member.is_dir():
            continue
        # Two names that differ in capitals only are one file on some systems.
        if member.filename.casefold() in folded:
            raise PluginError(
                _(
                    "%(name)s chứa hai tệp cùng tên “%(member)s”.",
                    name=filename,
                    member=member.filename,
                )
            )
        folded.add(member.filename.casefold())
        read = _read_member(archive, member, filename, room - total)
        total += len(read)
        files[member.filename] = read
    for name in files:
        for parent in PurePosixPath(name).parents:
            if str(parent).casefold() in folded:
                raise PluginError(
                    _(
                        "%(name)s chứa hai tệp cùng tên “%(member)s”.",
                        name=filename,
                        member=str(parent),
                    )
                )
    return files


def _check_member(member: zipfile.ZipInfo, filename: str) -> None:
    # `orig_filename` is what the archive says; `filename` is already cut at a NUL.
    name = member.orig_filename
    path = PurePosixPath(name)
    out = (
        not name
        or name.startswith("/")
        or "\\" in name
        or ":" in name
        or ".." in path.parts
        or "." in name.split("/")
        or "//" in name
        or len(name) > LONGEST_PATH
        or not name.isprintable()
    )
    if out:
        raise PluginError(
            _(
                "%(name)s chứa đường dẫn không được phép: “%(member)s”.",
                name=filename,
                member=ascii(name)[1:-1][:120],
            )
        )
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise PluginError(
            _(
                "%(name)s chứa liên kết hoặc tệp đặc biệt: “%(member)s”.",
                name=filename,
                member=name,
            )
        )
    if member.flag_bits & 0x1:
        raise PluginError(_("%(name)s chứa tệp bị khóa bằng mật khẩu.", name=filename))
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PluginError(_("%(name)s nén bằng cách không được dùng.", name=filename))


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, filename: str, room: int
) -> bytes:
    parts: list[bytes] = []
    size = 0
    with archive.open(member) as file:
        while block := file.read(BLOCK):
            size += len(block)
            is_bomb = size > RATIO_COUNTS_FROM and size > HIGHEST_RATIO * max(
                member.compress_size, 1
            )
            if is_bomb or size > min(room, LARGEST_MEMBER):
                raise PluginError(
                    _(
                        "%(name)s bung ra lớn quá mức (“%(member)s”): có thể là bom nén.",
                        name=filename,
                        member=member.filename,
                    )
                )
            parts.append(block)
    return b"".join(parts)


# -- wheels ---------------------------------------------------------------------------------


def _open_wheel(content: bytes, filename: str, room: int = LARGEST_UNPACKED) -> Wheel:
    try:
        distribution, version, _build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise PluginError(
            _("“%(name)s” không phải tên của một tệp wheel.", name=filename)
        ) from error
    files = read_archive(content, filename, room)
    if not tags & set(sys_tags()):
        raise PluginError(_("%(name)s không chạy được trên máy này.", name=filename))
    folders = {
        PurePosixPath(name).parts[0]
        for name in files
        if PurePosixPath(name).parts[0].endswith(".dist-info")
    }
    if len(folders) != 1:
        raise PluginError(
            _("%(name)s phải có đúng một thư mục thông tin .dist-info.", name=filename)
        )
    info = folders.pop()
    for needed in ("METADATA", "WHEEL", "RECORD"):
        if f"{info}/{needed}" not in files:
            raise PluginError(_("%(name)s thiếu tệp %(file)s.", name=filename, file=needed))
    if any(PurePosixPath(name).parts[0].endswith(".data") for name in files):
        raise PluginError(
            _("%(name)s muốn đặt tệp ra ngoài thư mục của nó (.data).", name=filename)
        )
    headers = HeaderParser().parsestr(files[f"{info}/METADATA"].decode("utf-8", "replace"))
    own_name, own_version = headers.get("Name", ""), headers.get("Version", "")
    if canonicalize_name(own_name) != distribution or own_version != str(version):
        raise PluginError(
            _(
                "%(name)s ghi bên trong là %(inner)s, khác với tên tệp.",
                name=filename,
                inner=f"{own_name} {own_version}".strip() or "?",
            )
        )
    _check_record(files, info, filename)
    return Wheel(
        filename=filename,
        distribution=str(distribution),
        version=str(version),
        requires=_requirements(headers.get_all("Requires-Dist", []), filename),
        files=files,
    )


def _requirements(lines: Sequence[str], filename: str) -> tuple[Requirement, ...]:
    """Return what a wheel needs here, without what only its extras need."""
    # Loaded by the first package that is looked at: it makes a grammar as it loads.
    from packaging.markers import UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except (InvalidRequirement, UndefinedEnvironmentName) as error:
            raise PluginError(
                _("%(name)s đòi thư viện không đọc được: %(line)s", name=filename, line=line[:100])
            ) from error
        if requirement.url:
            raise PluginError(
                _(
                    "%(name)s đòi tải thư viện từ một địa chỉ: %(line)s",
                    name=filename,
                    line=line[:100],
                )
            )
        if applies:
            found.append(requirement)
    return tuple(found)


def _check_record(files: Mapping[str, bytes], info: str, filename: str) -> None:
    """Hold every file of a wheel against the hash that its RECORD gives."""
    record = f"{info}/RECORD"
    told: dict[str, str] = {}
    try:
        for row in csv.reader(io.StringIO(files[record].decode())):
            if row:
                told[row[0]] = row[1] if len(row) > 1 else ""
    except (UnicodeDecodeError, csv.Error) as error:
        raise PluginError(_("Tệp RECORD của %(name)s bị hỏng.", name=filename)) from error
    for name, content in files.items():
        if name == record:
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if told.get(name) != f"sha256={digest}":
            raise PluginError(
                _(
                    "Tệp “%(file)s” trong %(name)s không khớp với danh sách băm của gói.",
                    file=name,
                    name=filename,
                )
            )
    missing = sorted(told.keys() - files.keys())
    if missing:
        raise PluginError(
            _("%(name)s thiếu tệp “%(file)s” có trong danh sách.", name=filename, file=missing[0])
        )


def entry_points(wheel: Wheel) -> dict[str, dict[str, str]]:
    """Return the entry points of a wheel by group and name. Raises PluginError."""
    text = next(
        (
            content
            for name, content in wheel.files.items()
            if name.endswith(".dist-info/entry_points.txt")
        ),
        b"",
    )
    parser = ConfigParser(delimiters=("=",), interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text.decode())
    except (UnicodeDecodeError, ConfigError) as error:
        raise PluginError(
            _("Danh sách điểm vào của %(name)s bị hỏng.", name=wheel.filename)
        ) from error
    return {group: dict(parser[group]) for group in parser.sections()}


def _check_plugin(wheel: Wheel) -> Manifest:
    """Check that a wheel is a plug-in and nothing else, and return its declaration."""
    points = entry_points(wheel)
    own = points.pop(ENTRY_POINT_GROUP, {})
    if len(own) != 1 or points:
        raise PluginError(
            _(
                "%(file)s phải có đúng một điểm vào, trong nhóm %(group)s; gói này có: %(found)s.",
                file=wheel.filename,
                group=ENTRY_POINT_GROUP,
                found=", ".join([*own, *points]) or _("không có"),
            )
        )
    name, value = next(iter(own.items()))
    package = f"tracker_{name}"
    declaration = wheel.files.get(f"{package}/{FILE_NAME}")
    if declaration is None:
        raise PluginError(
            _(
                "%(file)s không có bản khai %(package)s/%(declaration)s.",
                file=wheel.filename,
                package=package,
                declaration=FILE_NAME,
            )
        )
    manifest = read_manifest(declaration)
    if manifest.name != name or wheel.distribution != manifest.distribution:
        raise PluginError(
            _(
                "Tên không khớp: bản khai ghi “%(declared)s”, điểm vào ghi “%(entry)s”, gói tên "
                "%(distribution)s.",
                declared=manifest.name,
                entry=name,
                distribution=wheel.distribution,
            )
        )
    if value.replace(" ", "") != f"{package}.hooks":
        raise PluginError(
            _(
                "Điểm vào phải trỏ tới %(wanted)s, không phải %(found)s.",
                wanted=f"{package}.hooks",
                found=value[:80],
            )
        )
    if manifest.version != wheel.version:
        raise PluginError(
            _(
                "Bản khai ghi phiên bản %(declared)s nhưng gói là %(version)s.",
                declared=manifest.version,
                version=wheel.version,
            )
        )
    strangers = sorted(wheel.top_level - {package})
    if strangers:
        raise PluginError(
            _(
                "%(file)s chứa tệp ngoài phần của nó: “%(stranger)s”.",
                file=wheel.filename,
                stranger=strangers[0],
            )
        )
    for needed in ("__init__.py", "hooks.py"):
        if f"{package}/{needed}" not in wheel.files:
            raise PluginError(
                _("%(name)s thiếu tệp %(file)s.", name=wheel.filename, file=f"{package}/{needed}")
            )
    return manifest


# -- bundles --------------------------------------------------------------------------------


def _open_bundle(content: bytes, filename: str) -> tuple[Wheel, tuple[Wheel, ...]]:
    files = read_archive(content, filename)
    try:
        told = json.loads(files[BUNDLE_FILE])
        hashes: dict[str, str] = dict(told["wheels"])
        main = str(told["plugin"])
        is_known = told["format"] == BUNDLE_FORMAT and main in hashes
    except (KeyError, ValueError, TypeError) as error:
        raise PluginError(
            _("%(name)s không có tệp %(file)s đọc được.", name=filename, file=BUNDLE_FILE)
        ) from error
    if not is_known:
        raise PluginError(_("%(name)s có định dạng lạ.", name=filename))
    extra = sorted(files.keys() - {BUNDLE_FILE} - {f"wheels/{name}" for name in hashes})
    if extra:
        raise PluginError(
            _("%(name)s chứa tệp ngoài danh sách: “%(file)s”.", name=filename, file=extra[0])
        )
    wheels = {}
    # What comes out of the bundle and of all that is in it, together.
    room = LARGEST_UNPACKED - sum(map(len, files.values()))
    for name, sha256 in hashes.items():
        wheel = files.get(f"wheels/{name}")
        if wheel is None or hashlib.sha256(wheel).hexdigest() != sha256:
            raise PluginError(
                _(
                    "Tệp “%(file)s” trong %(name)s không khớp với danh sách băm của gói.",
                    file=str(name)[:100],
                    name=filename,
                )
            )
        wheels[name] = _open_wheel(wheel, name, room)
        room -= sum(map(len, wheels[name].files.values()))
    plugin = wheels.pop(main)
    return plugin, tuple(wheels.values())


def _check_library(library: Wheel, manifest: Manifest) -> None:
    """Refuse a library that brings entry points of plug-ins, or hides modules of others."""
    if entry_points(library).keys() & {ENTRY_POINT_GROUP}:
        raise PluginError(
            _("Thư viện kèm theo %(name)s lại là một mô-đun khác.", name=library.filename)
        )
    taken = sorted(
        name
        for name in library.top_level
        if name in sys.stdlib_module_names or name == "tracker" or name.startswith("tracker_")
    )
    if taken:
        raise PluginError(
            _(
                "Thư viện kèm theo %(library)s của %(name)s che mất “%(taken)s”.",
                library=library.filename,
                name=manifest.name,
                taken=taken[0],
            )
        )


def write_bundle(plugin: Path, libraries: Sequence[Path], target: Path) -> Path:
    """Write a bundle of a plug-in's wheel and the wheels it needs; return its path.

    The same wheels make the same bytes, so that a signature can be made again.
    """
    wheels = sorted([plugin, *libraries], key=lambda path: path.name)
    contents = {path.name: path.read_bytes() for path in wheels}
    told = {
        "format": BUNDLE_FORMAT,
        "plugin": plugin.name,
        "wheels": {name: hashlib.sha256(one).hexdigest() for name, one in contents.items()},
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, BUNDLE_FILE, json.dumps(told, indent=1, sort_keys=True).encode())
        for name, one in contents.items():
            _add(archive, f"wheels/{name}", one)
    return target


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content)


# -- what the instance has to offer ----------------------------------------------------------


@dataclass(frozen=True)
class Clash:
    """A library that is missing, or there in a version that will not do."""

    library: str
    needed: str
    # '' where the instance has none at all.
    ours: str


def clashes(package: Package, others: Mapping[str, Mapping[str, str]] | None = None) -> list[Clash]:
    """Return the libraries that keep a package from running beside what is here.

    `others` are the libraries that other plug-ins brought: {plug-in: {distribution: version}}.
    """
    here = _installed()
    brought = package.library_versions
    found = []
    for name, version in brought.items():
        for theirs in (here, *(others or {}).values()):
            if name in theirs and theirs[name] != version:
                found.append(Clash(name, version, theirs[name]))
    for wheel in (package.wheel, *package.libraries):
        for requirement in wheel.requires:
            name = canonicalize_name(requirement.name)
            if name == "tracker":
                # Which core will do is said by the declaration's API version.
                continue
            ours = brought.get(name) or here.get(name, "")
            if not ours or not requirement.specifier.contains(ours, prereleases=True):
                needed = str(requirement.specifier) or _("(bản bất kỳ)")
                found.append(Clash(str(name), needed, ours))
    return found


def _installed() -> dict[str, str]:
    """Return the versions of all distributions that this Python starts with."""
    return {
        str(canonicalize_name(name)): one.version
        for one in metadata.distributions()
        if (name := one.metadata["Name"])
    }


# -- on the disk ----------------------------------------------------------------------------


def release_folder(plugins_folder: Path, name: str, version: str) -> Path:
    """Return where a release lies unpacked."""
    return plugins_folder / f"{name}-{version}"


def unpacked_as(folder: Path) -> str:
    """Return the hash of the file that a folder was unpacked from, '' where nobody can tell."""
    try:
        return (folder / MARK).read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def unpack(package: Package, plugins_folder: Path) -> Path:
    """Unpack a checked package into a fresh folder and put it in place whole; return it.

    What is in the way is replaced, never written into.
    """
    plugins_folder.mkdir(parents=True, exist_ok=True)
    target = release_folder(plugins_folder, package.name, package.version)
    draft = Path(mkdtemp(prefix=".unpacking-", dir=plugins_folder))
    try:
        for wheel in (package.wheel, *package.libraries):
            for name, content in wheel.files.items():
                path = draft / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        # Last: a folder without it was not written to its end.
        with (draft / MARK).open("w", encoding="ascii") as mark:
            mark.write(package.sha256)
            mark.flush()
            os.fsync(mark.fileno())
        draft.chmod(0o755)
        if target.exists():
            old = Path(mkdtemp(prefix=".replaced-", dir=plugins_folder))
            target.replace(old / "release")
            draft.replace(target)
            shutil.rmtree(old)
        else:
            draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target
