"""Tiny plug-ins as wheels, made in memory: quick to build, and easy to spoil on purpose."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

HOOKS = """\
from flask import Blueprint

from tracker.plugins.descriptors import MenuItem, Permission
from tracker.plugins.hookspecs import hookimpl
from tracker.core.rights import Role
from tracker.web.doors import requires

blueprint = Blueprint("{name}", __name__, url_prefix="/{address}")


@blueprint.get("/")
@requires("{name}.view")
def index():
    return "<!doctype html><title>{name}</title><h1>{name} {version}</h1>"


@hookimpl
def tracker_register_permissions():
    return (
        Permission(
            key="{name}.view", label="{name}", reads=True, roles=frozenset({{Role.ADMINISTRATOR}})
        ),
    )


@hookimpl
def tracker_register_blueprints():
    return (blueprint,)
"""

MIGRATION = '''\
"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''

CREATE = (
    'op.create_table("plugin_{name}__note", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("text", sa.String(200), nullable=False))'
)
DROP = 'op.drop_table("plugin_{name}__note")'


@dataclass(frozen=True)
class TinyPlugin:
    """A working plug-in with one page, one right and, if wanted, one table."""

    name: str = "tiny"
    version: str = "1.0"
    api: str = "1.0"
    needs: Sequence[str] = ()
    requires: Sequence[str] = ()
    has_table: bool = True
    # More or other files of the package: {path inside it: text}.
    files: Mapping[str, str] = field(default_factory=dict)
    # Lines put at the end of plugin.toml.
    declaration: str = ""

    @property
    def package(self) -> str:
        return f"tracker_{self.name}"

    @property
    def address(self) -> str:
        return self.name.replace("_", "-")

    @property
    def stem(self) -> str:
        return f"tracker_{self.name}-{self.version}"

    def but(self, **changes: object) -> TinyPlugin:
        """Return another plug-in that differs in `changes`."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def toml(self) -> str:
        """Return the declaration."""
        tables = [f"plugin_{self.name}__note"] if self.has_table else []
        return (
            f'name = "{self.name}"\nversion = "{self.version}"\napi = "{self.api}"\n'
            f'author = "Tổ công nghệ số"\naddress = "{self.address}"\n'
            f"needs = {json.dumps(list(self.needs))}\ntables = {json.dumps(tables)}\n"
            f'[title]\nvi = "Sổ ghi {self.name}"\nen = "Notes {self.name}"\n'
            f'[summary]\nvi = "Ghi chú ngắn."\nen = "Short notes."\n'
            f'[[rights]]\nkey = "{self.name}.view"\nvi = "Xem sổ ghi"\nen = "See the notes"\n'
            f'roles = ["administrator"]\nreads = true\n{self.declaration}'
        )

    def sources(self) -> dict[str, bytes]:
        """Return the files of the package by their path in the wheel."""
        words = {"name": self.name, "address": self.address, "version": self.version}
        own: dict[str, str] = {
            "__init__.py": "",
            "plugin.toml": self.toml(),
            "hooks.py": HOOKS.format(**words),
        }
        if self.has_table:
            own["migrations/versions/0001_notes.py"] = MIGRATION.format(
                message="Notes.",
                revision="0001",
                down="None",
                upgrade=CREATE.format(**words),
                downgrade=DROP.format(**words),
            )
        own.update(self.files)
        return {f"{self.package}/{path}": text.encode() for path, text in own.items()}

    def wheel(self) -> bytes:
        """Return the wheel."""
        return make_wheel(
            f"tracker-{self.address}", self.version, self.sources(), requires=self.requires,
            entry_points=f"[tracker.plugins]\n{self.name} = {self.package}.hooks\n",
        )  # fmt: skip

    @property
    def filename(self) -> str:
        return f"{self.stem}-py3-none-any.whl"

    def write(self, folder: Path) -> Path:
        """Write the wheel into `folder` and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.wheel())
        return path


def second_migration(upgrade: str, downgrade: str = "pass") -> dict[str, str]:
    """Return the files of a second migration with these statements."""
    return next_migration(upgrade, downgrade, after="0001")


def next_migration(upgrade: str, downgrade: str = "pass", *, after: str) -> dict[str, str]:
    """Return the files of the migration after another one, with these statements."""
    revision = f"{int(after) + 1:04}"
    return {
        f"migrations/versions/{revision}_more.py": MIGRATION.format(
            message="More.",
            revision=revision,
            down=f'"{after}"',
            upgrade=upgrade,
            downgrade=downgrade,
        )
    }


def make_wheel(
    distribution: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    requires: Sequence[str] = (),
    entry_points: str = "",
    metadata: str = "",
) -> bytes:
    """Return a wheel whose RECORD is right."""
    info = f"{distribution.replace('-', '_')}-{version}.dist-info"
    told = metadata or (
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires)
    )
    contents = {
        **files,
        f"{info}/METADATA": told.encode(),
        f"{info}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    if entry_points:
        contents[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = [f"{path},{record_hash(content)},{len(content)}" for path, content in contents.items()]
    contents[f"{info}/RECORD"] = ("\n".join([*lines, f"{info}/RECORD,,"]) + "\n").encode()
    return make_zip(contents)


def record_hash(content: bytes) -> str:
    """Return a hash as RECORD writes it."""
    digest = hashlib.sha256(content).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def make_zip(contents: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """Return a ZIP with these files, under exactly these names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            member = zipfile.ZipInfo("x", (2026, 1, 1, 0, 0, 0))
            member.filename = path
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (modes or {}).get(path, stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    return stream.getvalue()


def unzip(content: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
