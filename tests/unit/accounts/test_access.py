"""From grants to rights."""

from __future__ import annotations

from tracker.accounts.access import HeldGrant, build_access, permissions_by_role
from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

PERMISSIONS = (
    Permission(key="a.view", label="a", reads=True, roles=frozenset(Role)),
    Permission(key="a.manage", label="b", roles=frozenset({Role.ADMINISTRATOR})),
)


def test_build_access_holds_each_permission_only_where_it_was_granted() -> None:
    grants = [HeldGrant(Role.ADMINISTRATOR, 5, 1), HeldGrant(Role.OFFICER, 7, 1)]
    access = build_access(1, grants, permissions_by_role(PERMISSIONS))
    assert access.user_id == 1
    assert access.scope("a.manage") == {5}
    assert access.scope("a.view") == {5, 7}
    assert not access.everything


def test_build_access_without_grants_holds_nothing() -> None:
    access = build_access(1, [], permissions_by_role(PERMISSIONS))
    assert not access.holds("a.view")
