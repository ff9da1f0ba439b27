"""What a plug-in declares, in plain words; and what an upgrade adds to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask_babel import gettext as _
from flask_babel import ngettext

from tracker.accounts.permissions import ROLE_LABELS
from tracker.plugins.manifest import Manifest, Right, Words

# Schedules that people say in words; others are shown as they are written.
EVERY_MINUTES = re.compile(r"\*/([0-9]{1,2}) \* \* \* \*")
DAILY = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}) \* \* \*")


@dataclass(frozen=True)
class Clause:
    """One sentence of the contract; `key` is the same for the same matter in every version.

    `detail` is what only specialists ask for: how the database calls it.
    """

    key: str
    text: str
    is_new: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Chapter:
    """A question that the contract answers, with its clauses."""

    key: str
    icon: str
    question: str
    clauses: Sequence[Clause]
    # What is said where there is nothing of the kind.
    nothing: str


@dataclass(frozen=True)
class Contract:
    """The whole contract, in the reader's language."""

    chapters: Sequence[Chapter]
    # What the version before declared and this one no longer does.
    gone: Sequence[str] = ()

    @property
    def news(self) -> list[Clause]:
        """Return what is new against the version before."""
        return [one for chapter in self.chapters for one in chapter.clauses if one.is_new]


def contract_of(manifest: Manifest, before: Manifest | None = None) -> Contract:
    """Return the contract; with the version `before`, its new clauses are marked."""
    chapters = _chapters(manifest)
    if before is None:
        return Contract(chapters)
    old = {one.key: one.text for chapter in _chapters(before) for one in chapter.clauses}
    kept = {one.key for chapter in chapters for one in chapter.clauses}
    marked = [
        Chapter(
            chapter.key,
            chapter.icon,
            chapter.question,
            [replace(one, is_new=one.key not in old) for one in chapter.clauses],
            chapter.nothing,
        )
        for chapter in chapters
    ]
    return Contract(marked, [text for key, text in old.items() if key not in kept])


def _chapters(manifest: Manifest) -> list[Chapter]:
    return [
        Chapter(
            "personal",
            "user",
            _("Lưu thông tin cá nhân nào?"),
            [Clause(f"personal:{one.vi}", _sentence(one)) for one in manifest.personal_data],
            _("Không lưu thông tin cá nhân."),
        ),
        Chapter(
            "stores",
            "database",
            _("Lưu dữ liệu gì?"),
            [_table(table, manifest) for table in manifest.tables],
            _("Không có bảng dữ liệu riêng."),
        ),
        Chapter(
            "rights",
            "key",
            _("Ai được xem, được làm gì?"),
            [_right(one) for one in manifest.rights],
            _("Không thêm quyền nào."),
        ),
        Chapter(
            "hosts",
            "globe",
            _("Kết nối đến đâu?"),
            [Clause(f"host:{host}", _host(host, manifest)) for host in manifest.hosts],
            _("Không kết nối ra ngoài."),
        ),
        Chapter(
            "runs",
            "job",
            _("Tự chạy việc gì?"),
            [
                Clause(f"job:{one.key}", job_words(str(one.words).rstrip("."), one.cron))
                for one in manifest.jobs
            ],
            _("Không tự chạy việc gì."),
        ),
        Chapter(
            "settings",
            "settings",
            _("Có thiết lập nào?"),
            [
                Clause(
                    f"setting:{one.key}",
                    _("%(what)s (giữ bí mật, mã hóa khi lưu).", what=one.words)
                    if one.secret
                    else _sentence(one.words),
                )
                for one in manifest.settings
            ],
            _("Không có thiết lập riêng."),
        ),
        Chapter(
            "needs",
            "plugin",
            _("Cần mô-đun nào khác?"),
            [
                Clause(
                    f"need:{need.name}",
                    _("%(name)s từ bản %(version)s.", name=need.name, version=need.minimum)
                    if need.minimum
                    else _("%(name)s.", name=need.name),
                )
                for need in manifest.needs
            ],
            _("Không cần mô-đun nào khác."),
        ),
    ]


def job_words(what: str, cron: str) -> str:
    """Say when a job runs, in words where its schedule is a plain one."""
    if not cron:
        return str(_("%(what)s (chỉ chạy khi có yêu cầu).", what=what))
    if found := EVERY_MINUTES.fullmatch(cron):
        minutes = int(found[1])
        words: str = ngettext(
            "%(what)s, mỗi %(num)d phút.", "%(what)s, mỗi %(num)d phút.", minutes, what=what
        )
        return words
    if found := DAILY.fullmatch(cron):
        return str(
            _("%(what)s, hằng ngày lúc %(time)s.", what=what, time=f"{found[2]:0>2}:{found[1]:0>2}")
        )
    return str(_("%(what)s (lịch: %(cron)s).", what=what, cron=cron))


def _table(table: str, manifest: Manifest) -> Clause:
    noun = table.removeprefix(manifest.table_prefix)
    words = manifest.table_words.get(table)
    if words is None:
        return Clause(f"table:{table}", _("Bảng dữ liệu riêng “%(table)s”.", table=noun))
    return Clause(f"table:{table}", _sentence(words), detail=noun)


def _sentence(words: Words) -> str:
    return f"{str(words).rstrip('.')}."


def _right(right: Right) -> Clause:
    roles = ", ".join(str(label) for role, label in ROLE_LABELS.items() if role in right.roles)
    # Who holds a right is part of what is agreed to: another role makes it a new clause.
    key = f"right:{right.key}:{','.join(sorted(right.roles))}:{right.reads}"
    if not roles:
        return Clause(key, _("%(what)s: chưa vai trò nào có quyền này.", what=right.words))
    return Clause(key, _("%(what)s: %(roles)s.", what=right.words, roles=roles))


def _host(host: str, manifest: Manifest) -> str:
    key = host.removeprefix("setting:")
    if key != host:
        setting = next(one for one in manifest.settings if one.key == key)
        return str(_("Các máy nêu trong thiết lập “%(setting)s”.", setting=setting.words))
    if host.startswith("*."):
        return str(_("Mọi máy chủ thuộc %(host)s.", host=host.removeprefix("*.")))
    return str(_("Máy chủ %(host)s.", host=host))
