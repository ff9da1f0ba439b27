"""What a plug-in declares in its `plugin.toml`: read and checked without importing any of it.

The declaration is what an administrator is shown before the plug-in runs, and what the host holds
it to afterwards. Its names are fenced: keys, tables and addresses carry the plug-in's own name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask_babel import get_locale
from flask_babel import gettext as _

from tracker.core.errors import PluginError
from tracker.core.rights import Role

# The version of `tracker.api`: a plug-in fits when the major one is the same and its minor one is
# not higher. Adding raises the minor one, changing or taking away the major one.
API_VERSION = (1, 3)

FILE_NAME = "plugin.toml"
ENTRY_POINT_GROUP = "tracker.plugins"
LARGEST = 64 * 1024
# PostgreSQL cuts longer names; the names of constraints are made from the table's.
LONGEST_NAME = 24
LONGEST_TABLE = 48
LONGEST_KEY = 80

# First words of keys, and names of blueprints, that are the core's own.
RESERVED_NAMES = frozenset(
    [
        "accounts",
        "admin",
        "agency",
        "amendments",
        "api",
        "app",
        "areas",
        "assets",
        "assignments",
        "audit",
        "calendar",
        "change_sets",
        "checklists",
        "cli",
        "config",
        "core",
        "days_off",
        "demo",
        "escalation",
        "exports",
        "features",
        "files",
        "findings",
        "grants",
        "health",
        "home",
        "imports",
        "inspections",
        "job_runs",
        "jobs",
        "notices",
        "ops",
        "outbox",
        "overview",
        "period_summary",
        "plan",
        "plans",
        "plugin",
        "plugin_admin",
        "plugins",
        "report_windows",
        "reports",
        "safe",
        "search",
        "settings",
        "static",
        "email",
        "ladder",
        "progress",
        "system",
        "tasks",
        "testing",
        "tracker",
        "unit_sets",
        "units",
        "urges",
        "users",
        "visits",
        "web",
    ]
)
# First parts of the core's own addresses.
RESERVED_ADDRESSES = frozenset(
    [
        "api",
        "bao-cao-ky",
        "bo-cai",
        "che-do-an-toan",
        "dang-nhap",
        "dang-xuat",
        "dat-mat-khau",
        "don-vi",
        "favicon",
        "healthz",
        "ke-hoach",
        "kiem-tra",
        "lich",
        "mo-dun",
        "nguoi-dung",
        "nguoi-thay",
        "nhac-viec",
        "nhap",
        "nhat-ky",
        "plugin",
        "quan-tri",
        "quyen",
        "readyz",
        "so-lieu",
        "static",
        "tai-khoan",
        "tep",
        "thiet-lap",
        "thong-bao",
        "thong-bao-day",
        "tien-ich",
        "tim",
        "tong-quan",
        "tuy-chon",
        "van-ban",
        "viec",
        "viec-tu-dong",
        "xac-nhan",
    ]
)

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NOUN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KEY_TAIL = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:(a|b|rc)(\d{1,4}))?")
_API = re.compile(r"(\d{1,4})\.(\d{1,4})")
_NEED = re.compile(r"([a-z][a-z0-9_]*)\s*(?:>=\s*([0-9][0-9a-z.]*))?")
_ADDRESS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_CRON_FIELD = re.compile(r"[0-9a-z*/,#L-]+", re.IGNORECASE)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Words:
    """A text in both languages; as a string it is in the language of whoever reads."""

    vi: str
    en: str

    def __str__(self) -> str:
        locale = get_locale()
        return self.en if locale is not None and locale.language == "en" else self.vi


@dataclass(frozen=True)
class Need:
    """Another plug-in that must be enabled, and the lowest version of it ('' = any)."""

    name: str
    minimum: str = ""

    def met_by(self, version: str) -> bool:
        """Tell whether this version of the other plug-in will do."""
        return not self.minimum or version_key(version) >= version_key(self.minimum)


@dataclass(frozen=True)
class Right:
    """A permission that the plug-in adds: who holds it, and whether it only reads."""

    key: str
    words: Words
    roles: frozenset[Role]
    reads: bool


@dataclass(frozen=True)
class DeclaredJob:
    """Work that the plug-in has the clock start, by a cron line in local time ('' = when asked)."""

    key: str
    words: Words
    cron: str


@dataclass(frozen=True)
class DeclaredChoice:
    """One value that a setting may have."""

    value: str
    words: Words


SETTING_KINDS: Mapping[str, type[str] | type[int] | type[bool]] = {
    "text": str,
    "whole": int,
    "flag": bool,
}


@dataclass(frozen=True)
class DeclaredSetting:
    """A setting of the plug-in: its form field is made from this."""

    key: str
    kind: str
    default: str | int | bool
    words: Words
    hint: Words | None = None
    secret: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[DeclaredChoice, ...] = ()

    def accepts(self, value: object) -> bool:
        """Tell whether a stored value is one that this declaration allows."""
        if self.secret:
            # Sealed by the instance's key; only an instance with that key reads it.
            return isinstance(value, dict) and isinstance(value.get("secret"), str)
        if type(value) is not SETTING_KINDS[self.kind]:
            return False
        if self.choices and value not in [one.value for one in self.choices]:
            return False
        low, high = self.minimum, self.maximum
        return not isinstance(value, int) or (
            (low is None or value >= low) and (high is None or value <= high)
        )


@dataclass(frozen=True)
class Manifest:
    """All that a plug-in declares of itself."""

    name: str
    version: str
    api: tuple[int, int]
    title: Words
    summary: Words
    author: str
    address: str
    blueprint: str
    needs: tuple[Need, ...] = ()
    tables: tuple[str, ...] = ()
    # What its tables hold, in words, for those that it says it of.
    table_words: Mapping[str, Words] = field(default_factory=dict, hash=False)
    rights: tuple[Right, ...] = ()
    jobs: tuple[DeclaredJob, ...] = ()
    # Host patterns ('api.example.vn', '*.example.vn'), or 'setting:<key>' where the administrator
    # names the network.
    hosts: tuple[str, ...] = ()
    personal_data: tuple[Words, ...] = ()
    settings: tuple[DeclaredSetting, ...] = ()
    # The declaration as it was read: plain values that JSON can hold.
    data: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def package(self) -> str:
        """Return the name of its Python package."""
        return f"tracker_{self.name}"

    @property
    def distribution(self) -> str:
        """Return the name of its distribution."""
        return f"tracker-{self.name.replace('_', '-')}"

    @property
    def table_prefix(self) -> str:
        """Return how its tables' names begin."""
        return table_prefix(self.name)

    def table_title(self, table: str) -> str:
        """Return what one of its tables holds; the noun in its name where no words are given."""
        words = self.table_words.get(table)
        return str(words) if words is not None else table.removeprefix(self.table_prefix)

    def fits(self, host: tuple[int, int] = API_VERSION) -> bool:
        """Tell whether a host with this version of `tracker.api` can run it."""
        return self.api[0] == host[0] and self.api[1] <= host[1]

    def owns_key(self, key: str) -> bool:
        """Tell whether a key of a permission, job, setting, card ... carries the plug-in's name."""
        return key.startswith(f"{self.name}.")


def table_prefix(name: str) -> str:
    """Return how the names of a plug-in's tables begin."""
    return f"plugin_{name}__"


def version_table(name: str) -> str:
    """Return the table that says which of a plug-in's migrations have run."""
    return f"alembic_version_plugin_{name}"


def is_name(text: str) -> bool:
    """Tell whether `text` can be a plug-in's name: lower case, digits, single underscores."""
    return (
        len(text) <= LONGEST_NAME
        and _NAME.fullmatch(text) is not None
        and text not in RESERVED_NAMES
    )


def version_key(text: str) -> tuple[int, int, int, int, int]:
    """Return what puts versions in order; 1.0rc1 comes before 1.0. Raises PluginError."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise PluginError(
            _("“%(version)s” không phải là số phiên bản như 1.0 hoặc 1.2.3.", version=text)
        )
    major, minor, patch, stage, number = found.groups()
    order = {"a": 0, "b": 1, "rc": 2, None: 3}[stage]
    return int(major), int(minor), int(patch or 0), order, int(number or 0)


def read_manifest(content: bytes) -> Manifest:
    """Return the declaration in a `plugin.toml`. Raises PluginError saying what is wrong."""
    if len(content) > LARGEST:
        raise _fault(FILE_NAME, _("tệp lớn quá %(size)d kB", size=LARGEST // 1024))
    try:
        data = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _fault(FILE_NAME, str(error)) from error
    return manifest_from(data)


def manifest_from(data: Mapping[str, Any], *, is_stored: bool = False) -> Manifest:
    """Return the declaration that `data` holds (what `Manifest.data` was). Raises PluginError.

    One that `is_stored` was held against the rules of its day: what is reserved today, and keys
    that this version does not know, do not count against it.
    """
    whole = _Table(data, "", is_stored=is_stored)
    name = whole.text("name")
    if not (is_stored or is_name(name)):
        raise _fault(
            "name",
            _(
                "“%(name)s” không dùng làm tên được: chỉ gồm chữ thường không dấu, chữ số và dấu "
                "gạch dưới đơn, tối đa %(most)d ký tự, không trùng tên của phần lõi",
                name=name,
                most=LONGEST_NAME,
            ),
        )
    version = whole.text("version")
    version_key(version)
    address = whole.text("address", name.replace("_", "-"))
    if not _ADDRESS.fullmatch(address) or (address in RESERVED_ADDRESSES and not is_stored):
        raise _fault("address", _("địa chỉ “/%(address)s” không dùng được", address=address))
    blueprint = whole.text("blueprint", name)
    if blueprint != name:
        raise _fault("blueprint", _("phải là “%(name)s”", name=name))
    settings = tuple(_setting(one, name) for one in whole.tables("settings"))
    stored = [_stored_in(one, name) for one in whole.either("tables")]
    manifest = Manifest(
        name=name,
        version=version,
        api=_api(whole.text("api")),
        title=whole.words("title"),
        summary=whole.words("summary"),
        author=whole.text("author"),
        address=address,
        blueprint=blueprint,
        needs=tuple(_need(text, name) for text in whole.texts("needs")),
        tables=tuple(table for table, _words in stored),
        table_words={table: words for table, words in stored if words is not None},
        rights=tuple(_right(one, name) for one in whole.tables("rights")),
        jobs=tuple(_job(one, name) for one in whole.tables("jobs")),
        hosts=tuple(_host(text, {one.key for one in settings}) for text in whole.texts("hosts")),
        personal_data=tuple(_only_words(one) for one in whole.tables("personal_data")),
        settings=settings,
        data=_plain(data),
    )
    whole.done()
    for place, keys in (
        ("needs", [need.name for need in manifest.needs]),
        ("tables", manifest.tables),
        ("rights", [right.key for right in manifest.rights]),
        ("jobs", [job.key for job in manifest.jobs]),
        ("settings", [setting.key for setting in manifest.settings]),
        ("hosts", manifest.hosts),
    ):
        _once(place, keys)
    return manifest


def _fault(place: str, reason: str) -> PluginError:
    return PluginError(
        _("Bản khai của mô-đun, mục “%(place)s”: %(reason)s.", place=place, reason=reason)
    )


class _Table:
    """A table of the declaration, taken key by key; what nobody asked for is refused."""

    def __init__(self, data: object, place: str, *, is_stored: bool = False) -> None:
        if not isinstance(data, Mapping):
            raise _fault(place, _("phải là một bảng"))
        self.is_stored = is_stored
        self.left = dict(data)
        self.place = place

    def where(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def take(self, key: str, kind: Callable[[object], bool], what: str, default: object) -> Any:
        value = self.left.pop(key, default)
        if value is None:
            raise _fault(self.where(key), _("còn thiếu"))
        if not kind(value):
            raise _fault(self.where(key), what)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.take(key, lambda one: isinstance(one, str), _("phải là chữ"), default)
        text = str(value).strip()
        if not text and default is None:
            raise _fault(self.where(key), _("còn trống"))
        if len(text) > 500 or not all(map(str.isprintable, text)):
            raise _fault(self.where(key), _("quá dài hoặc có ký tự lạ"))
        return text

    def flag(self, key: str) -> bool:
        value = self.take(key, lambda one: isinstance(one, bool), _("phải là true/false"), False)
        return bool(value)

    def whole_or_none(self, key: str) -> int | None:
        if key not in self.left:
            return None
        return int(self.take(key, _is_whole, _("phải là số nguyên"), None))

    def texts(self, key: str) -> list[str]:
        found = self.take(key, lambda one: isinstance(one, list), _("phải là danh sách"), [])
        if not all(isinstance(one, str) and one.strip() for one in found):
            raise _fault(self.where(key), _("phải là danh sách các chữ"))
        return [str(one).strip() for one in found]

    def tables(self, key: str) -> list[_Table]:
        found = self.take(key, lambda one: isinstance(one, list), _("phải là danh sách"), [])
        return [
            _Table(one, f"{self.where(key)}[{number}]", is_stored=self.is_stored)
            for number, one in enumerate(found)
        ]

    def either(self, key: str) -> list[str | _Table]:
        """Return a list whose members are texts, or tables that say more."""
        found = self.take(key, lambda one: isinstance(one, list), _("phải là danh sách"), [])
        return [
            one.strip()
            if isinstance(one, str)
            else _Table(one, f"{self.where(key)}[{number}]", is_stored=self.is_stored)
            for number, one in enumerate(found)
        ]

    def words(self, key: str) -> Words:
        found = self.take(key, lambda one: True, "", None)
        return _only_words(_Table(found, self.where(key), is_stored=self.is_stored))

    def both(self) -> Words:
        return Words(self.text("vi"), self.text("en"))

    def done(self) -> None:
        if self.left and not self.is_stored:
            raise _fault(self.where(min(map(str, self.left))), _("không có mục này"))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _only_words(table: _Table) -> Words:
    words = table.both()
    table.done()
    return words


def _plain(value: Any) -> Any:
    """Return TOML's values as JSON can hold them: TOML also has dates, the declaration none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _once(place: str, keys: Sequence[str]) -> None:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise _fault(place, _("“%(key)s” được khai hai lần", key=key))


def _api(text: str) -> tuple[int, int]:
    found = _API.fullmatch(text)
    if found is None:
        raise _fault("api", _("phải là hai số như “1.0”"))
    return int(found[1]), int(found[2])


def _need(text: str, name: str) -> Need:
    found = _NEED.fullmatch(text)
    if found is None or found[1] == name:
        raise _fault("needs", _("“%(need)s” không đúng dạng “tên>=1.0”", need=text))
    if found[2]:
        version_key(found[2])
    return Need(found[1], found[2] or "")


def _stored_in(declared: str | _Table, name: str) -> tuple[str, Words | None]:
    """Return a table's name, and what it holds where that is said."""
    if isinstance(declared, str):
        return _own_table(declared, name), None
    table, words = _own_table(declared.text("name"), name), declared.both()
    declared.done()
    return table, words


def _own_table(text: str, name: str) -> str:
    noun = text.removeprefix(table_prefix(name))
    if noun == text or not _NOUN.fullmatch(noun) or len(text) > LONGEST_TABLE:
        raise _fault(
            "tables",
            _(
                "bảng “%(table)s” phải có tên dạng “%(prefix)stên”, tối đa %(most)d ký tự",
                table=text,
                prefix=table_prefix(name),
                most=LONGEST_TABLE,
            ),
        )
    return text


def _own_key(table: _Table, name: str) -> str:
    key = table.text("key")
    tail = key.removeprefix(f"{name}.")
    if tail == key or not _KEY_TAIL.fullmatch(tail) or len(key) > LONGEST_KEY:
        raise _fault(
            table.where("key"), _("“%(key)s” phải bắt đầu bằng “%(name)s.”", key=key, name=name)
        )
    return key


def _right(table: _Table, name: str) -> Right:
    roles: set[Role] = set()
    for text in table.texts("roles"):
        try:
            roles.add(Role(text))
        except ValueError as error:
            raise _fault(
                table.where("roles"), _("không có vai trò “%(role)s”", role=text)
            ) from error
    right = Right(_own_key(table, name), table.both(), frozenset(roles), table.flag("reads"))
    table.done()
    return right


def _job(table: _Table, name: str) -> DeclaredJob:
    cron = table.text("cron", "")
    fields = cron.split()
    if cron and (len(fields) != 5 or not all(map(_CRON_FIELD.fullmatch, fields))):
        raise _fault(table.where("cron"), _("“%(cron)s” không phải là lịch cron", cron=cron))
    job = DeclaredJob(_own_key(table, name), table.both(), cron)
    table.done()
    return job


def _host(text: str, settings: set[str]) -> str:
    key = text.removeprefix("setting:")
    if key != text:
        if key not in settings:
            raise _fault("hosts", _("không có thiết lập “%(key)s”", key=key))
    elif len(text) > 253 or not _HOST.fullmatch(text):
        raise _fault("hosts", _("“%(host)s” không phải là tên máy chủ", host=text))
    return text


def _setting(table: _Table, name: str) -> DeclaredSetting:
    kind = table.text("kind")
    if kind not in SETTING_KINDS:
        raise _fault(table.where("kind"), _("phải là một trong: text, whole, flag"))
    default = table.take("default", lambda one: True, "", {"text": ""}.get(kind))
    # A flag is no whole number, though Python's own types say so.
    if type(default) is not SETTING_KINDS[kind]:
        raise _fault(table.where("default"), _("không đúng loại của thiết lập"))
    hint = table.words("hint") if "hint" in table.left else None
    choices = []
    for one in table.tables("choices"):
        choices.append(DeclaredChoice(one.text("value"), one.both()))
        one.done()
    setting = DeclaredSetting(
        key=_own_key(table, name),
        kind=kind,
        default=default,
        words=table.both(),
        hint=hint,
        secret=table.flag("secret"),
        minimum=table.whole_or_none("minimum"),
        maximum=table.whole_or_none("maximum"),
        choices=tuple(choices),
    )
    table.done()
    _check_setting(setting, table)
    return setting


def _check_setting(setting: DeclaredSetting, table: _Table) -> None:
    if setting.secret and (setting.kind != "text" or setting.default or setting.choices):
        raise _fault(table.where("secret"), _("thiết lập bí mật phải là chữ, không có sẵn giá trị"))
    limits = [one for one in (setting.minimum, setting.maximum) if one is not None]
    if limits and setting.kind != "whole":
        raise _fault(table.where("minimum"), _("chỉ số nguyên mới có giới hạn"))
    if setting.kind == "whole":
        low, high = setting.minimum, setting.maximum
        value = int(setting.default)
        if (low is not None and value < low) or (high is not None and value > high):
            raise _fault(table.where("default"), _("nằm ngoài giới hạn"))
    values = [one.value for one in setting.choices]
    _once(table.where("choices"), values)
    if values and (setting.kind != "text" or setting.default not in values):
        raise _fault(table.where("choices"), _("giá trị sẵn có phải nằm trong các lựa chọn"))
