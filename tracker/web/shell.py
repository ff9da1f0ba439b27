"""What every page shows around its content: menu, person, search, language, theme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from flask import Flask, current_app, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.core.context import Context, Source, acting, current
from tracker.plugins.descriptors import MENU_GROUPS, MenuItem
from tracker.plugins.host import current_host, current_registry
from tracker.web.contracts import Bell, UserCard, shell_contracts
from tracker.web.i18n import locale_code
from tracker.web.words import script_words

GROUPS = tuple(
    zip(
        MENU_GROUPS,
        (_l("Hằng ngày"), _l("Kế hoạch"), _l("Kiểm tra"), _l("Báo cáo"), _l("Quản trị")),
        strict=True,
    )
)
PLACES = 5


@dataclass(frozen=True)
class Entry:
    """One link of the menu."""

    label: str
    url: str
    icon: str
    active: bool
    badge: int | None = None


@dataclass(frozen=True)
class Group:
    """Links under one heading."""

    label: str
    items: tuple[Entry, ...]


@dataclass(frozen=True)
class Shell:
    """What base.html receives as `shell`."""

    menu: tuple[Group, ...]
    places: tuple[Entry, ...]
    user: UserCard | None
    is_demo: bool
    # No plug-in is shown or heard now.
    is_safe: bool
    agency: str
    locale: str
    theme: str
    search_url: str
    search_query: str
    logout_url: str
    profile_url: str
    preferences_url: str
    today: date
    bell: Bell | None


THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class _Link:
    """An entry of the menu in one language, before it is known which page is open."""

    group: str
    place: int
    endpoint: str
    feature: str
    # Whether the feature has no other entry.
    is_alone: bool
    label: str
    url: str
    icon: str

    def is_lit(self, here: str, *, is_listed: bool) -> bool:
        """Tell whether the page `here` lights the entry; `is_listed` if that page has its own."""
        # A page of the same feature lights the feature's entry unless it has an entry of its own.
        # A feature's parts may be blueprints of their own, named `<feature>_<part>`.
        there = here.rpartition(".")[0]
        same_feature = there == self.feature or there.startswith(f"{self.feature}_")
        # Where a feature has several entries, the address says to which the page belongs.
        is_below = self.is_alone or request.path.startswith(f"{self.url.rstrip('/')}/")
        return here == self.endpoint or (same_feature and not is_listed and is_below)

    def entry(self, *, active: bool) -> Entry:
        """Return the entry as a page shows it."""
        return Entry(self.label, self.url, self.icon, active)


@dataclass(frozen=True)
class _Menu:
    """The entries of one choice of items in one language, and the menus that were made of them.

    They hold nothing of a person or a record, and every page shows them.
    """

    links: Sequence[_Link]
    by_lit: dict[tuple[bool, ...], tuple[tuple[Group, ...], tuple[Entry, ...]]] = field(
        default_factory=dict
    )

    def on(self, here: str, *, is_listed: bool) -> tuple[tuple[Group, ...], tuple[Entry, ...]]:
        """Return the groups of the menu and the phone's places, as the page `here` shows them."""
        lit = tuple(link.is_lit(here, is_listed=is_listed) for link in self.links)
        if lit not in self.by_lit:
            self.by_lit[lit] = self._groups(lit), self._places(lit)
        return self.by_lit[lit]

    def _groups(self, lit: Sequence[bool]) -> tuple[Group, ...]:
        found: list[Group] = []
        for key, label in GROUPS:
            entries = [
                link.entry(active=active)
                for link, active in zip(self.links, lit, strict=True)
                if link.group == key
            ]
            if entries:
                found.append(Group(str(label), tuple(_mark_once(entries))))
        return tuple(found)

    def _places(self, lit: Sequence[bool]) -> tuple[Entry, ...]:
        placed = sorted(
            ((link, active) for link, active in zip(self.links, lit, strict=True) if link.place),
            key=lambda one: one[0].place,
        )
        return (
            *(link.entry(active=active) for link, active in placed[: PLACES - 1]),
            # Opens the whole menu as a sheet, by the address alone: no script needed.
            Entry(_("Xem thêm"), "#menu", "more", active=False),
        )


def _menu(items: Sequence[MenuItem]) -> _Menu:
    """Return the menu of `items`; made once for each choice of items, language and root."""
    kept: dict[object, _Menu] = current_app.extensions.setdefault("tracker_menu", {})
    key = (locale_code(), request.root_path, tuple(item.key for item in items))
    if key not in kept:
        features = Counter(
            item.endpoint.rpartition(".")[0] for item in current_registry().menu_items
        )
        links = [
            _Link(
                group=item.group,
                place=item.place or 0,
                endpoint=item.endpoint,
                feature=(feature := item.endpoint.rpartition(".")[0]),
                is_alone=features[feature] == 1,
                label=str(item.label),
                url=url_for(item.endpoint),
                icon=item.icon,
            )
            for item in items
        ]
        kept[key] = _Menu(links)
    return kept[key]


def _shown(items: Sequence[MenuItem]) -> list[MenuItem]:
    access = current().actor.access
    return [item for item in items if not item.permission or access.holds(item.permission)]


def _mark_once(entries: list[Entry]) -> list[Entry]:
    """Light at most one entry: of several pages of one feature, the one nearest to the address."""
    lit = max((one for one in entries if one.active), key=lambda one: len(one.url), default=None)
    return [
        Entry(entry.label, entry.url, entry.icon, entry is lit, entry.badge) for entry in entries
    ]


def build_shell() -> Shell:
    """Return the shell of the current request."""
    contracts = shell_contracts()
    card = contracts.user_card()
    menu: tuple[Group, ...] = ()
    places: tuple[Entry, ...] = ()
    if card is not None:
        items = current_registry().menu_items
        here = request.endpoint or ""
        is_listed = any(item.endpoint == here for item in items)
        menu, places = _menu(_shown(items)).on(here, is_listed=is_listed)
    theme = card.theme if card else request.cookies.get("theme", "auto")
    return Shell(
        menu=menu,
        places=places,
        user=card,
        is_demo=bool(contracts.setting("demo.loaded_on")),
        is_safe=current_host().is_safe,
        agency=str(contracts.setting("agency.name") or ""),
        locale=locale_code(),
        theme=theme if theme in THEMES else "auto",
        search_url=url_for("web.search"),
        search_query=request.args.get("q", "") if request.endpoint == "web.search" else "",
        logout_url=url_for(contracts.logout_endpoint),
        profile_url=url_for(contracts.profile_endpoint),
        preferences_url=url_for(contracts.preferences_endpoint),
        today=contracts.clock.today(),
        bell=contracts.bell() if card else None,
    )


class LazyShell:
    """Builds the shell when a template first asks for it: fragments and downloads never pay."""

    def __getattr__(self, name: str) -> object:
        shell = g.get("shell")
        if shell is None:
            shell = g.shell = build_shell()
        return getattr(shell, name)


def begin_context() -> None:
    """Say who acts in this request (runs before each request, after the request has its id)."""
    contracts = shell_contracts()
    request_id = str(g.get("request_id", ""))
    clock = contracts.clock
    # First without a person, so that reading the sign-in itself knows the time.
    g.acting = acting(Context(clock=clock, source=Source.PAGE, request_id=request_id))
    g.acting.__enter__()
    actor = contracts.identify()
    if actor.user_id is not None:
        g.acting_person = acting(
            Context(actor=actor, clock=clock, source=Source.PAGE, request_id=request_id)
        )
        g.acting_person.__enter__()


def end_context(_error: BaseException | None) -> None:
    """Forget who acted: threads are used again by the next request."""
    for name in ("acting_person", "acting"):
        manager = g.pop(name, None)
        if manager is not None:
            manager.__exit__(None, None, None)


def today() -> date:
    """Return today's date for templates."""
    return current().clock.today()


def may(permission: str) -> bool:
    """Tell templates whether the person holds a permission somewhere."""
    return current().actor.access.holds(permission)


def init_shell(app: Flask) -> None:
    """Give templates the shell and requests their context."""
    app.before_request(begin_context)
    app.teardown_request(end_context)
    app.jinja_env.globals.update(shell=LazyShell(), today=today, may=may, script_words=script_words)
