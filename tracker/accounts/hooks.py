"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flask import url_for
from flask_babel import lazy_gettext as _l

from tracker.accounts import (
    demo,
    handover,
    importing,
    notices,
    permissions,
    queries,
    scopes,
)
from tracker.core.rights import RecordScope
from tracker.plugins.descriptors import (
    AdminViewSpec,
    DemoData,
    HandoverContributor,
    ImportSpec,
    MenuItem,
    NoticeKind,
    Permission,
    SearchHit,
    SearchProvider,
)
from tracker.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    import click
    from flask import Blueprint


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who manages users."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to which units people, grants and leaves belong."""
    return scopes.SCOPES


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer sign-in, one's own account, and the management of users."""
    from tracker.accounts import user_views, views  # noqa: F401 - it adds pages to the blueprint

    return (views.blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead administrators to the users."""
    return (
        MenuItem(
            key="users",
            label=_l("Người dùng"),
            endpoint="accounts.list_users",
            icon="users",
            group="admin",
            permission=permissions.MANAGE,
            weight=20,
        ),
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Say what people are told about their account."""
    return notices.KINDS


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find people for administrators."""
    return (
        SearchProvider(
            key="users",
            label=_l("Người dùng"),
            search=_search,
            permission=permissions.MANAGE,
            weight=90,
        ),
    )


def _search(query: str, limit: int) -> Sequence[SearchHit]:
    return [
        SearchHit(
            title=name,
            url=url_for("accounts.show_user", user_id=user_id),
            context=context,
            icon="user",
            exactness=exactness,
        )
        for user_id, name, context, exactness in queries.find_people(query, limit)
    ]


@hookimpl
def tracker_register_handover_contributors() -> Sequence[HandoverContributor]:
    """Hand roles and people over when units are reorganised."""
    return handover.CONTRIBUTORS


@hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read people from a spreadsheet."""
    return (importing.SPEC,)


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker user`."""
    from tracker.accounts.cli import COMMANDS

    return COMMANDS


@hookimpl
def tracker_register_demo_data() -> Sequence[DemoData]:
    """Make the demo's people."""
    return (DemoData(key="accounts.people", load=demo.load, weight=20),)


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.accounts.admin import SPECS

    return SPECS
