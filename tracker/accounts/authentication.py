"""Recognising a person by user name and password; the slow part happens outside any transaction."""

from __future__ import annotations

import logging

from sqlalchemy import select

from tracker.accounts import passwords, services, throttle
from tracker.accounts.models import User
from tracker.core.db import db
from tracker.core.work import run

log = logging.getLogger(__name__)

LONGEST_NAME = 64


def authenticate(typed_name: str, password: str, address: str) -> int | None:
    """Return the id of the person whose password this is, None when anything is wrong.

    An unknown name, a closed account, an account without a password and a wrong password cannot be
    told apart, neither by the answer nor by the time it takes (CVE-2026-22604).
    Raises TooMany after too many failures.
    """
    name = services.clean_username(typed_name)[:LONGEST_NAME]
    try_id = run(throttle.begin_try, throttle.Try(name, address))
    row = db.session.execute(
        select(User.id, User.password_hash, User.is_active).where(User.username == name)
    ).first()
    # No transaction stays open while the password is hashed.
    db.session.rollback()
    is_right = passwords.verify(row.password_hash if row else "", password)
    if row is None or not is_right or not row.is_active:
        log.info("failed sign-in from %s", address)
        return None
    run(throttle.forgive, throttle.Forgive(try_id, name))
    if passwords.needs_rehash(row.password_hash):
        run(
            services.rehash_password,
            services.RehashPassword(row.id, row.password_hash, passwords.hash_password(password)),
        )
    log.info("sign-in of user %s from %s", row.id, address)
    return int(row.id)
