"""Views of the back office: closed unless a right opens them, written through services alone.

Flask-Admin gives the routes, the columns and the registration; what it does by default (open to
all, commits by itself, shows exceptions, writes CSV as typed) is replaced here. Findings that this
answers: CVE-2018-16516 and pull requests 690, 1002, 1506 (markup in names and addresses), 763,
1416 and 1788 (changes without a token), 2592 and 2951 (keys as text on PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar, cast

from flask import flash, make_response, redirect, request, url_for
from flask_admin import BaseView, expose
from flask_admin.actions import action
from flask_admin.contrib.sqla import ModelView
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import ColumnElement, inspect, true
from sqlalchemy.orm import DeclarativeBase, Query
from werkzeug.wrappers import Response

from tracker.admin.listing import (
    Bulk,
    Filter,
    OptionalReasonForm,
    ReasonForm,
    Several,
    Write,
    carry_out_several,
    show_plain,
)
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import (
    BadRequest,
    Conflict,
    NotFound,
    PermissionDenied,
    ValidationFailed,
)
from tracker.core.rights import rights
from tracker.core.text import normalise, search_terms
from tracker.core.work import run
from tracker.plugins.descriptors import Label
from tracker.web import conflict
from tracker.web.doors import to_sign_in
from tracker.web.exports import send_workbook
from tracker.web.forms import Form
from tracker.web.paging import Page, Sorting, address_with, page_number, sorting
from tracker.web.xlsx import Column, Sheet

OPEN: Final = "admin.open"
URL: Final = "/quan-tri"
PAGE_SIZES: Final = (20, 50, 100)
MOST_PICKED: Final = 500
MOST_EXPORTED: Final = 50_000
LARGEST_KEY: Final = 2**62
TRIES: Final = 3

Function = TypeVar("Function", bound=Callable[..., Any])
Answer = str | Response


def at(url: str, *methods: str) -> Callable[[Function], Function]:
    """Put a method of a view under an address (typed, unlike Flask-Admin's own)."""
    return cast(Callable[[Function], Function], expose(url, methods or ("GET",)))


class SecureView(BaseView):  # type: ignore[misc]
    """A page of the back office behind a right.

    Subclasses name `permission`, `label`, `slug` (its address under /quan-tri), `icon` and `hint`.
    """

    permission: str = ""
    label: Label = ""
    hint: Label = ""
    icon: str = "table"
    slug: str = ""
    endpoint_name: str = ""

    def __init__(self) -> None:
        super().__init__(name=str(self.slug), endpoint=self._endpoint(), url=self._address())

    def _endpoint(self) -> str:
        return self.endpoint_name or f"admin_{self.slug.replace('-', '_')}"

    def _address(self) -> str:
        return f"{URL}/{self.slug}" if self.slug else URL

    def is_accessible(self) -> bool:
        """Tell whether the person may enter: the back office, and this section of it."""
        access = current().actor.access
        return bool(self.permission) and access.holds(OPEN) and access.holds(self.permission)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Response:
        """Send to the sign-in page, or refuse. Raises PermissionDenied."""
        access = current().actor.access
        if access.user_id is None and not access.everything:
            return to_sign_in()
        raise PermissionDenied

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin's own calls the view again on a TypeError, which hides the real one.
        return fn(self, *args, **kwargs)

    def get_url(self, endpoint: str, **kwargs: Any) -> str:
        """Return an address; '.name' is a page of this view, whichever view asks for it."""
        return url_for(self.endpoint + endpoint if endpoint.startswith(".") else endpoint, **kwargs)

    def render(self, template: str, **kwargs: Any) -> str:
        """Render a page of the section with its tabs."""
        from tracker.admin.site import sections_of

        kwargs.setdefault("sections", sections_of(self))
        page: str = super().render(template, **kwargs)
        return page


class LinkView(SecureView):
    """A section that has a page of its own elsewhere."""

    target: str = ""

    @at("/")
    def index(self) -> Response:
        """Go there."""
        return redirect(self.get_url(self.target))


class SecureModelView(SecureView, ModelView):  # type: ignore[misc]
    """A table of the back office.

    Rows: what the right reaches (`rights.visible`); a model without record scope is shown only by
    a view that says so itself (`visible_rows`). Lists are always sorted, search reads the folded
    column. A view without `save` and `remove` only reads. Where `writing` names a further right,
    `permission` reads and exports, and whoever holds `writing` changes the rows that it reaches.
    """

    record: type[DeclarativeBase]
    writing: str = ""
    # Columns whose value is no attribute, or is shown otherwise: name -> function of the record.
    column_values: Mapping[str, Callable[[Any], object]] = {}
    # 'd' date, 'm' moment, 'n' number; others are text.
    column_kinds: Mapping[str, str] = {}
    column_icons: Mapping[str, str] = {}
    # The folded column that search reads; '' for a table that is not searched.
    search_column: str = ""
    search_hint: Label = _l("Tìm trong danh sách")
    empty_text: Label = ""
    filters: Sequence[Filter] = ()
    bulk: Sequence[Bulk] = ()
    form_class: type[Form] = Form
    create_label: Label = _l("Thêm")
    reason_form: type[Form] = OptionalReasonForm
    details_note: Label = ""

    can_create = False
    can_edit = False
    can_delete = False
    can_export = True
    can_view_details = True
    can_set_page_size = True
    page_size = 50
    page_size_options = PAGE_SIZES
    export_types = ("xlsx",)
    export_max_rows = MOST_EXPORTED
    column_editable_list = None

    # Looking up and changing single cells by scripts: two doors that no page of ours needs.
    ajax_lookup = None
    ajax_update = None

    def __init__(self) -> None:
        ModelView.__init__(
            self, self.record, db, name=self.slug, endpoint=self._endpoint(), url=self._address()
        )

    # -- what Flask-Admin would make up from the model ----------------------------------------

    def scaffold_form(self) -> type[Form]:
        """Make no form from a model: fields are written down."""
        return Form

    def scaffold_list_columns(self) -> list[str]:
        """Show no column that is not written down."""
        return []

    def scaffold_auto_joins(self) -> list[Any]:
        """Join nothing that is not written down."""
        return []

    def init_search(self) -> bool:
        """Search the folded column only."""
        return bool(self.search_column)

    def get_sortable_columns(self) -> dict[str, Any]:
        """Sort by `column_sortable_list` (name -> columns) as it is written down."""
        return dict(self.column_sortable_list)

    def get_column_names(
        self, only_columns: Sequence[str], excluded_columns: Any
    ) -> list[tuple[str, Label]]:
        """Return the columns with their headings, which choose their language when shown."""
        return [(name, self.column_labels[name]) for name in only_columns]

    # -- rows ---------------------------------------------------------------------------------

    def visible_rows(self) -> ColumnElement[bool]:
        """Return the condition of the rows that the person may see here.

        Raises LookupError for a model without record scope: a view of it has to say who sees what.
        """
        return rights.visible(current().actor.access, self.right(), self.record)

    def right(self) -> str:
        """Return the right by which the person is here: to change rows, or only to read them."""
        return self.writing if self.writing and self.may_write() else self.permission

    def may_write(self) -> bool:
        """Tell whether the person may change anything here."""
        return not self.writing or current().actor.access.holds(self.writing)

    def get_query(self) -> Query[Any]:
        """Return the visible rows."""
        return db.session.query(self.record).filter(self.visible_rows())

    def get_count_query(self) -> Query[Any]:
        """Return the number of visible rows."""
        from sqlalchemy import func

        return db.session.query(func.count()).select_from(self.record).filter(self.visible_rows())

    def key_of(self, text: str) -> Any:
        """Return a primary key from an address. Raises NotFound for what can be none.

        psycopg sends text as text, and PostgreSQL compares no integer with it.
        """
        kind = inspect(self.record).primary_key[0].type.python_type
        if kind is int:
            if text.isascii() and text.isdigit() and len(text) < 20 and int(text) < LARGEST_KEY:
                return int(text)
            raise NotFound
        if kind is date:
            try:
                return date.fromisoformat(text)
            except ValueError as error:
                raise NotFound from error
        if "\0" in text:
            raise NotFound
        return text

    def get_one(self, id: Any) -> Any:
        """Return a row that the person may see. Raises NotFound, also for rows out of reach."""
        if not isinstance(id, str):
            raise NotFound
        record = self.get_query().filter(self._key() == self.key_of(id)).one_or_none()
        if record is None:
            raise NotFound
        return record

    def _key(self) -> Any:
        return inspect(self.record).primary_key[0]

    def _asked(self) -> Any:
        return self.get_one(request.args.get("id", ""))

    # -- the list -----------------------------------------------------------------------------

    def get_list(
        self,
        page: int | None,
        sort_column: str | None,
        sort_desc: bool,
        search: str | None,
        filters: Any = None,
        execute: bool = True,
        page_size: int | None = None,
    ) -> tuple[int, list[Any]]:
        """Return how many rows fit, and one page of them in order; the key breaks ties."""
        total = self._count(search or "")
        query = self.get_query().filter(*self._conditions(search or ""))
        for related in self.column_select_related_list or ():
            query = query.options(related)
        for column in self._order(sort_column):
            # The two databases disagree on where nothing stands: here always at the end.
            query = query.order_by((column.desc() if sort_desc else column).nulls_last())
        query = query.order_by(self._key())
        size = self.page_size if page_size is None else page_size
        return total, query.limit(size).offset((page or 0) * size).all()

    def _count(self, search: str) -> int:
        total: int = self.get_count_query().filter(*self._conditions(search)).scalar()
        return total

    def _order(self, name: str | None) -> Sequence[Any]:
        columns = self.column_sortable_list[name]
        return columns if isinstance(columns, tuple) else (columns,)

    def _conditions(self, search: str) -> list[ColumnElement[bool]]:
        found = [one.condition(value) for one, value, _label in self.chosen_filters()]
        if self.search_column:
            folded = getattr(self.record, self.search_column)
            words = search_terms(search).folded
            found += [folded.contains(word, autoescape=True) for word in words]
            if search and not words:
                found.append(~true())
        return found

    def chosen_filters(self) -> list[tuple[Filter, str, str]]:
        """Return the filters in the address, each with value and label. Raises BadRequest."""
        chosen = []
        for one in self.filters:
            value = request.args.get(one.name, "")
            if not value:
                continue
            label = dict(one.choices()).get(value)
            if label is None:
                raise BadRequest(_("Bộ lọc không hợp lệ."))
            chosen.append((one, value, str(label)))
        return chosen

    def _sorting(self) -> Sorting:
        return sorting(self.column_sortable_list, self.column_default_sort)

    def _size(self) -> int:
        text = request.args.get("page_size", "")
        size = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
        return int(self.get_safe_page_size(size))

    def _search(self) -> str:
        return normalise(request.args.get("q", "")[:200])

    def page_of_rows(self) -> Page[Any]:
        """Return the page of rows that the address asks for; past the end gives the last one."""
        order, size, search, number = self._sorting(), self._size(), self._search(), page_number()
        total, rows = self.get_list(number - 1, order.key, order.descending, search, page_size=size)
        if not rows and total:
            number = -(-total // size)
            total, rows = self.get_list(
                number - 1, order.key, order.descending, search, page_size=size
            )
        return Page(rows, number if rows else 1, size, total)

    def value_of(self, record: Any, name: str) -> object:
        """Return the value of a column: text, number, date, or markup that a view made itself."""
        value = self.column_values.get(name)
        return value(record) if value else self._get_field_value(record, name)

    def cell(self, record: Any, name: str) -> Any:
        """Return a column's value as a page shows it; all but own markup is escaped there."""
        return show_plain(self.value_of(record, name))

    def name_of(self, record: Any) -> str:
        """Return what a record is called in questions and headings."""
        return str(
            getattr(record, "change_label", None) or self.value_of(record, self.first_column)
        )

    @property
    def first_column(self) -> str:
        """Return the column that names the record."""
        return str(self._list_columns[0][0])

    def key_text(self, record: Any) -> str:
        """Return the primary key as addresses carry it."""
        key = inspect(record).identity[0]
        return key.isoformat() if isinstance(key, date) else str(key)

    def page_url(self, record: Any) -> str:
        """Return where the record has a page of its own, '' for nowhere."""
        return ""

    def allowed_bulk(self) -> list[Bulk]:
        """Return what the person may do with picked rows."""
        return [one for one in self._all_bulk() if self.is_action_allowed(one.name)]

    def _all_bulk(self) -> list[Bulk]:
        return [*self.bulk, *([DELETE] if self.can_delete else [])]

    def is_action_allowed(self, name: str) -> bool:
        """Tell whether a bulk action is offered to the person."""
        found = next((one for one in self._all_bulk() if one.name == name), None)
        if found is None or not self.may_write():
            return False
        return not found.permission or current().actor.access.holds(found.permission)

    @at("/")
    def index(self) -> Answer:
        """Show the list."""
        order = self._sorting()
        chips = [
            (f"{one.label}: {label}", address_with(**{one.name: None}))
            for one, _value, label in self.chosen_filters()
        ]
        search = self._search()
        if search:
            chips.append((f"“{search}”", address_with(q=None)))
        headings = [
            (name, label, self._next_order(name, order), self._direction(name, order))
            for name, label in self._list_columns
        ]
        page: str = self.render(
            "admin/model/list.html",
            view=self,
            page=self.page_of_rows(),
            headings=headings,
            chips=chips,
            search=search,
            args=request.args,
            bulk=self.allowed_bulk(),
            page_address=lambda number: address_with(page=number),
            size_address=lambda size: address_with(page_size=size),
            export_url=self.get_url(".export_rows", **request.args.to_dict()),
        )
        return page

    index_view = None

    def _next_order(self, name: str, order: Sorting) -> str:
        if name not in self.column_sortable_list:
            return ""
        is_ascending = order.key == name and not order.descending
        return address_with(sort=f"-{name}" if is_ascending else name)

    def _direction(self, name: str, order: Sorting) -> str | None:
        if order.key != name:
            return None
        return "desc" if order.descending else "asc"

    # -- one record ---------------------------------------------------------------------------

    details_view = None

    @at("/xem/")
    def show_record(self) -> Answer:
        """Show one record."""
        record = self._asked()
        page: str = self.render(
            "admin/model/details.html",
            view=self,
            record=record,
            facts=[(label, self.cell(record, name)) for name, label in self._details_columns],
            remove_form=self.reason_form(formdata=None)
            if self.can_delete and self.may_write()
            else None,
        )
        return page

    # -- writes -------------------------------------------------------------------------------

    def save(self, form: Any, record: Any | None) -> Write:
        """Return the write that makes (`record` None) or changes a record. Subclasses say how.

        A change names `record.version`: what others changed meanwhile is already merged in.
        """
        raise PermissionDenied

    def remove(self, record: Any, reason: str) -> Write:
        """Return the write that takes a record away. Subclasses say how."""
        raise PermissionDenied

    def prepare(self, form: Any, record: Any | None) -> None:
        """Fill the choices of a form."""

    def form_values(self, record: Any) -> dict[str, object]:
        """Return a record as the values of its form."""
        return {
            name: getattr(record, name)
            for name in self.form_class(formdata=None)._fields
            if name != "version"
        }

    def submitted(self, form: Any) -> dict[str, Any]:
        """Return what was typed by attribute of the record, in the attribute's own types."""
        return {field.name: field.data for field in form}

    def _form(self, record: Any | None) -> Any:
        values = self.form_values(record) if record is not None else {}
        form: Any = self.form_class(data=values)
        if "version" in form:
            # Which version a form was made from is carried for every form alike (base_version).
            del form.version
        self.prepare(form, record)
        return form

    create_view = None
    edit_view = None
    delete_view = None
    action_view = None
    export = None

    @at("/them/", "GET", "POST")
    def add_record(self) -> Answer:
        """Make a record through its service."""
        if not (self.can_create and self.may_write()):
            raise PermissionDenied
        form = self._form(None)
        if request.method != "POST":
            return self._form_page(form, None, 200)
        if not form.validate():
            return self._form_page(form, None, 422)
        return self.create_model(form)

    def create_model(self, form: Any) -> Answer:
        """Carry out the write of a new record; what a service refuses stands beside its field."""
        try:
            write = self.save(form, None)
            run(write.service, write.data, reason=write.reason)
        except ValidationFailed as error:
            form.take_errors(error)
            return self._form_page(form, None, 422)
        except Conflict as error:
            form.form_errors.append(error.message)
            return self._form_page(form, None, 409)
        flash(_("Đã thêm."), "success")
        return redirect(self.get_url(".index"), 303)

    @at("/sua/", "GET", "POST")
    def edit_record(self) -> Answer:
        """Change a record through its service; concurrent changes are merged or shown."""
        if not (self.can_edit and self.may_write()):
            raise PermissionDenied
        record = self._asked()
        form = self._form(record)
        if request.method != "POST":
            return self._form_page(form, record, 200)
        base_version = conflict.posted_version()
        if not form.validate():
            return self._form_page(form, record, 422, base_version)
        return self.update_model(form, record, base_version)

    def update_model(self, form: Any, record: Any, base_version: int = 0) -> Answer:
        """Carry out the change of a record, or show what stands against it."""
        key, typed = self.key_text(record), self.submitted(form)
        try:
            for attempt in range(1, TRIES + 1):
                wanted = conflict.resolve(db.session(), record, base_version, typed)
                self._take_theirs(form, record, typed.keys() - wanted.keys())
                write = self.save(form, record)
                try:
                    run(write.service, write.data, reason=write.reason)
                    break
                except Conflict as error:
                    # Somebody was faster between the merge and the write: merge with theirs too.
                    version = record.version
                    record = self.get_one(key)
                    db.session.refresh(record)
                    if error.fields or attempt == TRIES or record.version == version:
                        raise
        except ValidationFailed as error:
            form.take_errors(error)
            return self._form_page(form, self.get_one(key), 422, base_version)
        except Conflict as error:
            record = self.get_one(key)
            if not error.fields:
                form.form_errors.append(error.message)
                return self._form_page(form, record, 409, base_version)
            return self._conflict_page(form, record, base_version, error)
        flash(_("Đã lưu."), "success")
        return redirect(self.get_url(".index"), 303)

    def _take_theirs(self, form: Any, record: Any, names: Any) -> None:
        """Put the stored value into the fields that the person did not change."""
        stored = self.form_values(record)
        for name in names:
            if name in form and name in stored:
                form[name].raw_data, form[name].data = None, stored[name]

    @at("/xoa/", "POST")
    def delete_record(self) -> Answer:
        """Take a record away through its service."""
        if not (self.can_delete and self.may_write()):
            raise PermissionDenied
        record = self.get_one(request.form.get("id", ""))
        return self.delete_model(record)

    def delete_model(self, record: Any) -> Answer:
        """Carry out the removal of one record, with the reason that was given."""
        form: Any = self.reason_form()
        if not form.validate():
            return self._refused(form, record, 422)
        write = self.remove(record, form.reason.data or "")
        key = self.key_text(record)
        try:
            run(write.service, write.data, reason=write.reason)
        except ValidationFailed as error:
            form.take_errors(error)
            return self._refused(form, self.get_one(key), 422)
        except Conflict as error:
            form.form_errors.append(error.message)
            return self._refused(form, self.get_one(key), 409)
        flash(_("Đã xóa."), "success")
        return redirect(self.get_url(".index"), 303)

    def _refused(self, form: Any, record: Any, status: int) -> Response:
        page = self.render(
            "admin/model/details.html",
            view=self,
            record=record,
            facts=[(label, self.cell(record, name)) for name, label in self._details_columns],
            remove_form=form,
        )
        return make_response(page, status)

    def _form_page(
        self, form: Any, record: Any | None, status: int, base_version: int | None = None
    ) -> Response:
        is_panel = request.method == "GET" and request.headers.get("HX-Request") == "true"
        if base_version is None:
            base_version = getattr(record, "version", 0)
        page = self.render(
            "admin/model/panel.html" if is_panel else "admin/model/form.html",
            view=self,
            form=form,
            record=record,
            base_version=base_version,
        )
        response = make_response(page, status)
        # One address, two answers: a page kept by the browser must not stand in for the other.
        response.vary.add("HX-Request")
        return response

    def _conflict_page(
        self, form: Any, record: Any, base_version: int, error: Conflict
    ) -> Response:
        page = self.render(
            "errors/conflict.html",
            title=_("Hai người cùng sửa: %(name)s", name=self.name_of(record)),
            form=form,
            sides=conflict.sides(form, error.fields),
            base_version=base_version,
            seen_version=record.version,
            action=self.get_url(".edit_record", id=self.key_text(record)),
            cancel_url=self.get_url(".index"),
            crumbs=[(self._home(), self.admin.url), (self.label, self.get_url(".index"))],
        )
        return make_response(page, 409)

    def _home(self) -> str:
        return str(self.admin.index_view.label)

    # -- several records ----------------------------------------------------------------------

    @action("delete", _l("Xóa"), _l("Xóa những dòng đã chọn?"))  # type: ignore[untyped-decorator]
    def action_delete(self, ids: Sequence[str]) -> Answer:
        """Take several records away through their services (keys are read as the column's type)."""
        return self._carry_out(DELETE, self._picked(ids))

    @at("/hang-loat/", "POST")
    def act_on_several(self) -> Answer:
        """Ask in words what is done with the picked rows, then do it."""
        if not self.may_write():
            raise PermissionDenied
        name = request.form.get("action", "")
        chosen = next((one for one in self._all_bulk() if one.name == name), None)
        if chosen is None:
            raise BadRequest(_("Không có thao tác này."))
        if not self.is_action_allowed(name):
            raise PermissionDenied
        ids = request.form.getlist("rowid")
        if not ids:
            flash(_("Hãy chọn ít nhất một dòng."), "warning")
            return redirect(self.get_url(".index"), 303)
        return self._carry_out(chosen, self._picked(ids))

    def _picked(self, ids: Sequence[str]) -> list[Any]:
        if len(ids) > MOST_PICKED:
            raise BadRequest(_("Mỗi lần chọn được nhiều nhất %(most)d dòng.", most=MOST_PICKED))
        keys = {self.key_of(text) for text in ids}
        records = self.get_query().filter(self._key().in_(keys)).order_by(self._key()).all()
        if len(records) != len(keys):
            raise NotFound
        return records

    def _carry_out(self, chosen: Bulk, records: list[Any]) -> Answer:
        is_asked = request.form.get("confirmed") != "1"
        form = chosen.form(formdata=None) if is_asked else chosen.form()
        if chosen.prepare:
            chosen.prepare(self, form)
        if is_asked:
            return self._bulk_page(chosen, form, records, 200)
        if not form.validate():
            return self._bulk_page(chosen, form, records, 422)
        ids = [self.key_text(record) for record in records]
        count = len(records)
        try:
            write = chosen.write(self, records, form)
            run(write.service, write.data, reason=write.reason or form.reason.data or "")
        except ValidationFailed as error:
            form.take_errors(error)
            return self._bulk_page(chosen, form, self._picked(ids), 422)
        except Conflict as error:
            form.form_errors.append(error.message)
            return self._bulk_page(chosen, form, self._picked(ids), 409)
        flash(f"{chosen.done} {_rows(count)}", "success")
        return redirect(self.get_url(".index"), 303)

    def _bulk_page(self, chosen: Bulk, form: Any, records: list[Any], status: int) -> Response:
        page = self.render(
            "admin/model/bulk.html",
            view=self,
            chosen=chosen,
            form=form,
            records=records,
            count_text=_rows(len(records)),
        )
        return make_response(page, status)

    # -- out ----------------------------------------------------------------------------------

    @at("/xuat/")
    def export_rows(self) -> Response:
        """Send the filtered list as a spreadsheet in which no text acts as a formula."""
        order = self._sorting()
        search = self._search()
        title = str(self.label)
        return send_workbook(
            f"{title}.xlsx", self._count(search), lambda: [self._sheet(title, order, search)]
        )

    def _sheet(self, title: str, order: Sorting, search: str) -> Sheet:
        _total, rows = self.get_list(
            0, order.key, order.descending, search, page_size=MOST_EXPORTED
        )
        kinds = {"d": "date", "m": "moment", "n": "whole"}
        columns = [
            Column(str(label), 14 if name in self.column_kinds else 32,
                   kinds.get(self.column_kinds.get(name, ""), "text"))
            for name, label in self._export_columns
        ]  # fmt: skip
        lines = (
            [_for_sheet(self.value_of(record, name)) for name, _label in self._export_columns]
            for record in rows
        )
        return Sheet(title, columns, lines, title=title)


def _for_sheet(value: object) -> object:
    if isinstance(value, bool):
        return show_plain(value)
    return value.striptags() if hasattr(value, "striptags") else value


def _rows(count: int) -> str:
    return str(ngettext("(%(num)d dòng)", "(%(num)d dòng)", count))


def _remove_all(view: SecureModelView, records: Sequence[Any], form: Any) -> Write:
    reason = form.reason.data or ""
    writes = tuple(view.remove(record, reason) for record in records)
    return Write(carry_out_several, Several(writes), reason)


DELETE = Bulk(
    name="delete",
    label=_l("Xóa"),
    question=_l("Xóa những dòng này?"),
    write=_remove_all,
    icon="trash",
    form=ReasonForm,
    done=_l("Đã xóa."),
    is_dangerous=True,
)
