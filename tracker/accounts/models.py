"""Accounts: people, what they were granted and when, their sessions, resets and deputies."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.core.db import (
    Base,
    HasPublicId,
    Moment,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
)
from tracker.core.rights import Role
from tracker.units.models import Unit


class User(HasPublicId, Versioned, Base):
    """A person who signs in. The home unit says where they work, not what they may do."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    # argon2id; empty until the person has set a password by a one-time link.
    password_hash: Mapped[str] = mapped_column(String(200), default="", info={"private": True})
    password_changed_at: Mapped[datetime | None] = mapped_column(Moment)
    is_active: Mapped[bool] = mapped_column(default=True)
    locale: Mapped[str] = mapped_column(String(5), default="vi")
    theme: Mapped[str] = mapped_column(String(8), default="auto")
    folded: Mapped[str] = folded_column()
    # Given name first, as people are listed in Vietnam.
    sort_key: Mapped[str] = sort_key_column()

    unit: Mapped[Unit | None] = relationship(viewonly=True)

    __table_args__ = (
        Index("ix_users_unit_id", "unit_id"),
        Index("ix_users_sort_key", "sort_key"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.name} ({self.username})"


class Grant(Versioned, Base):
    """A role within a unit's subtree, from a date to a date (inclusive)."""

    __tablename__ = "grants"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    role: Mapped[Role] = mapped_column(choice(Role))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    note: Mapped[str] = mapped_column(String(300), default="")

    user: Mapped[User] = relationship(foreign_keys=[user_id], viewonly=True)
    unit: Mapped[Unit] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        UniqueConstraint("user_id", "role", "unit_id", "valid_from"),
        Index("ix_grants_unit_id", "unit_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.role} · #{self.user_id} · #{self.unit_id}"


class Deputy(Versioned, Base):
    """Who acts for whom during a dated leave: the deputy holds the other's grants on those days."""

    __tablename__ = "deputies"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    deputy_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    reason: Mapped[str] = mapped_column(String(300), default="")

    user: Mapped[User] = relationship(foreign_keys=[user_id], viewonly=True)
    deputy: Mapped[User] = relationship(foreign_keys=[deputy_id], viewonly=True)

    __table_args__ = (
        CheckConstraint("valid_to >= valid_from", name="dates"),
        CheckConstraint("user_id <> deputy_id", name="different"),
        Index("ix_deputies_deputy_id_valid_to", "deputy_id", "valid_to"),
        Index("ix_deputies_user_id", "user_id"),
    )


class LoginSession(Base):
    """A sign-in on one device; the cookie holds a random token, the table only its hash."""

    __tablename__ = "login_sessions"
    __technical__ = "changes with every request"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    last_seen_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(String(45), default="")
    device: Mapped[str] = mapped_column(String(300), default="")

    user: Mapped[User] = relationship(viewonly=True)

    __table_args__ = (Index("ix_login_sessions_user_id_ended_at", "user_id", "ended_at"),)


class LoginFailure(Base):
    """A failed sign-in, kept as long as throttling looks back; by name and by address."""

    __tablename__ = "login_failures"
    __technical__ = "short-lived counters of throttling"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(45))
    at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_login_failures_username_at", "username", "at"),
        Index("ix_login_failures_address_at", "address", "at"),
    )


class PasswordLink(Base):
    """A one-time link to set a password: for a new account, or a reset by an administrator."""

    __tablename__ = "password_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True, info={"private": True})
    # Null for the set-up link of an empty instance, which makes the first administrator.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_password_links_user_id", "user_id"),)
