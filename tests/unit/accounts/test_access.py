"""From grants to rights."""

from __future__ import annotations

import pytest

from tracker.accounts.access import HeldGrant, build_access, permissions_by_role
from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

PERMISSIONS = (
    Permission(key="a.view", label="a", reads=True, roles=frozenset(Role)),
    Permission(key="a.manage", label="b", roles=frozenset({Role.ADMINISTRATOR})),
    Permission(key="a.rule", label="c", roles=frozenset({Role.ADMINISTRATOR}), everywhere=True),
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


@pytest.mark.parametrize(
    ("grants", "holds"),
    [
        ([HeldGrant(Role.ADMINISTRATOR, 1, 1, is_top=True, trees=1)], True),
        ([HeldGrant(Role.ADMINISTRATOR, 5, 1, is_top=False, trees=1)], False),
        ([HeldGrant(Role.ADMINISTRATOR, 1, 1, is_top=True, trees=2)], False),
        # Over one tree, and over another as somebody else in both.
        (
            [
                HeldGrant(Role.ADMINISTRATOR, 1, 1, is_top=True, trees=2),
                HeldGrant(Role.OFFICER, 2, 1, is_top=True, trees=2),
            ],
            False,
        ),
        (
            [
                HeldGrant(Role.ADMINISTRATOR, 1, 1, is_top=True, trees=2),
                HeldGrant(Role.ADMINISTRATOR, 2, 7, is_top=True, trees=2),
            ],
            True,
        ),
    ],
)
def test_build_access_holds_what_counts_everywhere_over_all_trees_or_not_at_all(
    grants: list[HeldGrant], holds: bool
) -> None:
    access = build_access(1, grants, permissions_by_role(PERMISSIONS))
    assert access.holds("a.rule") is holds
    assert access.holds("a.manage")
