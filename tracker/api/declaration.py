"""A plug-in's own `plugin.toml`, read once, and what the host wants to be told from it.

    OWN = declaration(__package__)

    @hookimpl
    def tracker_register_permissions():
        return OWN.permissions

What is declared is written in one place: hooks return it from here, so that the two agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from flask import Blueprint, Response

from tracker.core.errors import PluginError
from tracker.plugins.descriptors import JobSpec, MissedPolicy, Permission, SettingGroup, SettingSpec
from tracker.plugins.manifest import FILE_NAME, SETTING_KINDS, Manifest, read_manifest
from tracker.settings import queries as stored_settings
from tracker.web.doors import open_to_all

__all__ = ["Declaration", "PluginBlueprint", "declaration"]


class PluginBlueprint(Blueprint):
    """Pages of a plug-in under its address; templates, and static files that anybody may fetch."""

    @open_to_all
    def send_static_file(self, filename: str) -> Response:
        """Send a file of the package's `static/`, as a whole, so that it is compressed."""
        response = super().send_static_file(filename)
        if response.direct_passthrough:
            content = response.response
            response.direct_passthrough = False
            response.set_data(b"".join(content))  # type: ignore[arg-type]
            content.close()  # type: ignore[union-attr]
        return response


@dataclass(frozen=True)
class Declaration:
    """What a plug-in declares, as descriptors."""

    manifest: Manifest
    package: str

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The rights, for `tracker_register_permissions`."""
        return tuple(
            Permission(key=one.key, label=one.words, reads=one.reads, roles=one.roles)
            for one in self.manifest.rights
        )

    @property
    def settings(self) -> tuple[SettingSpec, ...]:
        """The settings, for `tracker_register_settings`."""
        return tuple(
            SettingSpec(
                key=one.key,
                label=one.words,
                kind=SETTING_KINDS[one.kind],
                default=one.default,
                hint=one.hint or "",
                group=self._group,
                minimum=one.minimum,
                maximum=one.maximum,
                choices=tuple((choice.value, choice.words) for choice in one.choices),
                secret=one.secret,
                weight=10 * number,
            )
            for number, one in enumerate(self.manifest.settings, 1)
        )

    @property
    def setting_groups(self) -> tuple[SettingGroup, ...]:
        """The heading of its settings, for `tracker_register_setting_groups`."""
        if not self.manifest.settings:
            return ()
        return (SettingGroup(key=self._group, label=self.manifest.title, weight=500),)

    @property
    def _group(self) -> str:
        return f"{self.manifest.name}.settings"

    def job(
        self,
        key: str,
        run: Callable[[Any], str],
        *,
        hint: str = "",
        missed: MissedPolicy = MissedPolicy.CATCH_UP,
        budget_seconds: int = 300,
        by_hand: bool = True,
    ) -> JobSpec:
        """Return a declared job with the function that does it. Raises PluginError."""
        for one in self.manifest.jobs:
            if one.key == key:
                return JobSpec(
                    key=key,
                    label=one.words,
                    cron=one.cron,
                    run=run,
                    hint=hint,
                    missed=missed,
                    budget_seconds=budget_seconds,
                    by_hand=by_hand,
                )
        raise PluginError(f"{FILE_NAME} declares no job {key!r}")

    def blueprint(self) -> PluginBlueprint:
        """Return a blueprint with the declared name and address, for the plug-in's views."""
        return PluginBlueprint(
            self.manifest.blueprint,
            self.package,
            url_prefix=f"/{self.manifest.address}",
            template_folder="templates",
            static_folder="static",
        )

    def setting(self, key: str) -> Any:
        """Return the value of a declared setting. Raises LookupError for another key."""
        if not self.manifest.owns_key(key):
            raise LookupError(f"setting {key!r} is not this plug-in's")
        return stored_settings.value(key)


@lru_cache(maxsize=64)
def declaration(package: str) -> Declaration:
    """Return the declaration that lies in a package. Raises PluginError when it is wrong."""
    manifest = read_manifest((resources.files(package) / FILE_NAME).read_bytes())
    if package != manifest.package:
        raise PluginError(f"the package of {manifest.name!r} must be {manifest.package!r}")
    return Declaration(manifest, package)
