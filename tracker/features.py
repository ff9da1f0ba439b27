"""The core's own features, in the order in which they register."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

FEATURES = (
    "units",
    "accounts",
    "settings",
    "plans",
    "inspections",
    "reports",
    "audit",
    "notices",
    "files",
    "imports",
    "exports",
    "jobs",
    "outbox",
    "admin",
    "plugin_admin",
    "ops",
)
MODELS = (
    "core.changes",
    "units.models",
    "accounts.models",
    "settings.models",
    "plans.models",
    "inspections.models",
    "files.models",
    "imports.models",
    "jobs.models",
    "plugins.models",
    "outbox.models",
    "notices.models",
    "notices.escalation_models",
    "notices.channel_models",
)


def load_models() -> None:
    """Import every module that maps tables, so that the metadata is whole."""
    for name in MODELS:
        import_module(f"tracker.{name}")


def features() -> Mapping[str, object]:
    """Return each feature's hook implementations by its name."""
    return {name: import_module(f"tracker.{name}.hooks") for name in FEATURES}
