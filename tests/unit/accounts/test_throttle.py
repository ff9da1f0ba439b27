"""How long failed tries make one wait."""

from __future__ import annotations

from datetime import timedelta

from tracker.accounts.throttle import LONGEST_WAIT, name_key, wait_after


def test_wait_after_grows_from_nothing_to_fifteen_minutes() -> None:
    waits = [wait_after(failures, 5) for failures in range(12)]
    assert waits[:5] == [timedelta(0)] * 5
    assert waits[5:10] == [timedelta(seconds=30 * 2**n) for n in range(5)]
    assert waits[10:] == [LONGEST_WAIT] * 2
    assert wait_after(10**9, 5) == LONGEST_WAIT


def test_name_key_does_not_keep_what_was_typed() -> None:
    assert "matkhau" not in name_key("matkhaucuatoi")
    assert len(name_key("x" * 1000)) == 64
