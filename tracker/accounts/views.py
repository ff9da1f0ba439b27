"""Pages of sign-in and of one's own account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import (
    Blueprint,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.accounts import (
    authentication,
    demo,
    forms,
    links,
    passwords,
    queries,
    reauth,
    services,
    sessions,
    signin,
    throttle,
)
from tracker.core.context import Actor, acting, current
from tracker.core.db import db
from tracker.core.errors import (
    BadRequest,
    Conflict,
    FieldConflict,
    NotFound,
    TooMany,
    ValidationFailed,
)
from tracker.core.rights import SYSTEM
from tracker.core.work import run
from tracker.units.models import UnitKind
from tracker.web.doors import hide_unless, open_to_all, safe_next, signed_in
from tracker.web.i18n import LOCALES, locale_code
from tracker.web.shell import THEMES

blueprint = Blueprint("accounts", __name__)

A_YEAR = 365 * 24 * 3600


def person() -> signin.SignedIn:
    """Return the person of this request, behind a door that lets only such people in."""
    found = signin.signed_in_person()
    assert found is not None
    return found


def _home() -> str:
    return url_for("web.home")


def _address() -> str:
    return request.remote_addr or ""


# -- signing in and out ------------------------------------------------------------------------


@blueprint.get("/dang-nhap")
@open_to_all
def login() -> Response:
    """Show the sign-in page; whoever is signed in already goes on."""
    if signin.signed_in_person() is not None:
        return redirect(safe_next(request.args.get("next"), _home()))
    return _login_page(forms.LoginForm())


@blueprint.post("/dang-nhap")
@open_to_all
def check_login() -> Response:
    """Sign a person in by user name and password."""
    form = forms.LoginForm()
    if not form.validate():
        return _login_page(form, status=422)
    try:
        user_id = authentication.authenticate(
            form.username.data or "", form.password.data or "", _address()
        )
    except TooMany as error:
        response = _login_page(form, error.message, 429)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    if user_id is None:
        return _login_page(form, _("Tên đăng nhập hoặc mật khẩu không đúng."), 422)
    signin.sign_in(user_id)
    return redirect(safe_next(request.args.get("next"), _home()), 303)


def _login_page(form: forms.LoginForm, problem: str = "", status: int = 200) -> Response:
    roles = demo.demo_roles() if demo.is_open_for(request) else []
    target = safe_next(request.args.get("next"), "")
    page = render_template(
        "accounts/login.html", form=form, problem=problem, roles=roles, target=target
    )
    return make_response(page, status)


@blueprint.post("/dang-nhap/trinh-dien")
@open_to_all
def demo_login() -> Response:
    """Sign in as one of the demo's people; for everybody else this page does not exist."""
    hide_unless(demo.is_open_for(request))
    user_id, locale = demo.get_demo_user(request.form.get("username", "")), locale_code()
    signin.sign_in(user_id)
    # The demo's people are whoever tries them out: they go on in the sign-in page's language.
    with acting(replace(current(), actor=signin.identify())):
        run(services.save_preferences, services.SavePreferences(user_id, locale))
    return redirect(safe_next(request.args.get("next"), _home()), 303)


@blueprint.post("/dang-xuat")
@open_to_all
def logout() -> Response:
    """End the session of this browser."""
    signin.sign_out()
    flash(_("Đã đăng xuất."), "success")
    return redirect(url_for("accounts.login"), 303)


@blueprint.route("/xac-nhan", methods=["GET", "POST"])
@signed_in
def confirm() -> Response:
    """Ask for the password again on the way to a page that needs it."""
    target = safe_next(request.args.get("next"), url_for("accounts.profile"))
    action = url_for("accounts.confirm", next=target)
    if request.method != "POST":
        return reauth.ask(action, [], status=200)
    answer = reauth.check(person(), request.form.get(reauth.FIELD, ""), action, [])
    return answer if answer is not None else redirect(target, 303)


# -- language and theme ------------------------------------------------------------------------


@blueprint.post("/tuy-chon")
@open_to_all
def save_preferences() -> Response:
    """Keep the language or the theme: with the account, or in a cookie of this browser."""
    locale, theme = request.form.get("locale", ""), request.form.get("theme", "")
    if (locale and locale not in LOCALES) or (theme and theme not in THEMES):
        raise BadRequest
    response = redirect(safe_next(request.form.get("next"), _home()), 303)
    found = signin.signed_in_person()
    if found is not None:
        run(services.save_preferences, services.SavePreferences(found.user_id, locale, theme))
    for name, value in (("locale", locale), ("theme", theme)):
        if value:
            response.set_cookie(
                name,
                value,
                max_age=A_YEAR,
                httponly=True,
                samesite="Lax",
                secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            )
    return response


# -- one's own account -------------------------------------------------------------------------


@blueprint.route("/tai-khoan", methods=["GET", "POST"])
@signed_in
def profile() -> Response:
    """Show one's own account, and take corrections of name, contact, language and theme."""
    me = queries.get_person(person().user_id, managed=False)
    form = forms.ProfileForm(obj=me)
    conflict: Sequence[FieldConflict] = ()
    version, status = me.version, 200
    if request.method == "POST":
        version = form_version()
        if form.validate():
            try:
                run(
                    services.update_profile,
                    services.UpdateProfile(
                        me.id, version, form.contact(), form.locale.data, form.theme.data
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
                status = 422
            except Conflict as error:
                conflict, status = error.fields, 409
                version = queries.get_person(me.id, managed=False).version
            else:
                flash(_("Đã lưu tài khoản."), "success")
                return redirect(url_for("accounts.profile"), 303)
        else:
            status = 422
    grants = queries.grants_of([me.id]).get(me.id, [])
    open_sessions = [
        one
        for one in queries.sessions_of(me.id)
        if not signin.is_over(one.created_at, one.last_seen_at, current().clock.now())
    ]
    page = render_template(
        "accounts/profile.html",
        me=me,
        form=form,
        version=version,
        conflict=conflict,
        grants=[one for one in grants if not one.is_past(current().clock.today())],
        deputies=queries.deputies_of(me.id),
        sessions=open_sessions,
        session_id=person().session_id,
    )
    return make_response(page, status)


def form_version() -> int:
    """Return the version that a form was made from. Raises BadRequest."""
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest
    return int(text)


@blueprint.route("/tai-khoan/mat-khau", methods=["GET", "POST"])
@signed_in
def change_password() -> Response:
    """Change one's own password; the current one is asked for, other sessions end."""
    me = person()
    form = forms.ChangePasswordForm()
    form.username_of = me.username
    status, retry_after = 200, 0
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                found = authentication.authenticate(
                    me.username, form.current.data or "", _address()
                )
            except TooMany as error:
                status, retry_after = 429, error.retry_after_seconds
                form.form_errors.append(error.message)
            else:
                if found == me.user_id:
                    _put_own_password(me, form.typed())
                    return redirect(url_for("accounts.profile"), 303)
                form.current.errors = [_("Mật khẩu hiện tại không đúng.")]
    response = make_response(
        render_template("accounts/password.html", form=form, has_password=me.has_password), status
    )
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _put_own_password(me: signin.SignedIn, password: str) -> None:
    password_hash = passwords.hash_password(password)
    ended = run(
        services.change_password,
        services.SetPassword(me.user_id, password_hash, me.session_id),
    )
    run(sessions.confirm_session, sessions.ConfirmSession(me.session_id))
    flash(
        _("Đã đổi mật khẩu và đăng xuất %(num)d thiết bị khác.", num=ended)
        if ended
        else _("Đã đổi mật khẩu."),
        "success",
    )


@blueprint.post("/tai-khoan/phien/<int:session_id>/ket-thuc")
@signed_in
def end_session(session_id: int) -> Response:
    """Sign one of one's own devices out."""
    me = person()
    if session_id == me.session_id:
        return logout()
    run(sessions.end_session, sessions.EndSession(me.user_id, session_id))
    flash(_("Đã đăng xuất thiết bị đó."), "success")
    return redirect(url_for("accounts.profile"), 303)


@blueprint.post("/tai-khoan/phien/ket-thuc")
@signed_in
def end_sessions() -> Response:
    """Sign every device out, this one too."""
    run(sessions.end_sessions, sessions.EndSessions(person().user_id))
    signin.sign_out()
    flash(_("Đã đăng xuất khỏi mọi thiết bị."), "success")
    return redirect(url_for("accounts.login"), 303)


@blueprint.route("/tai-khoan/nguoi-thay", methods=["GET", "POST"])
@signed_in
def name_deputy() -> Response:
    """Name who acts for oneself during a leave."""
    me = person()
    return deputy_page(
        me.user_id, me.name, url_for("accounts.profile"), url_for("accounts.name_deputy")
    )


def deputy_page(user_id: int, name: str, back: str, action: str) -> Response:
    """Show or take the form that names a person's deputy."""
    form = forms.DeputyForm()
    choices = queries.deputy_choices(user_id)
    form.deputy_id.choices = forms.options(choices, empty="")
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                run(services.name_deputy, form.data_for(user_id))
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã ghi người thay."), "success")
                return redirect(back, 303)
    page = render_template(
        "accounts/deputy.html",
        form=form,
        name=name,
        is_own=user_id == person().user_id,
        has_choices=bool(choices),
        back=back,
        action=action,
    )
    return make_response(page, status)


@blueprint.post("/nguoi-thay/<int:entry_id>/ket-thuc")
@signed_in
def end_deputy(entry_id: int) -> Response:
    """End a deputy's time, by either of the two or by an administrator."""
    try:
        owner = run(services.end_deputy, services.EndDeputy(entry_id))
    except ValidationFailed as error:
        flash(error.message, "error")
        return redirect(url_for("accounts.profile"), 303)
    flash(_("Đã kết thúc việc thay."), "success")
    own = person().user_id == owner or not current().actor.access.holds("users.manage")
    target = url_for("accounts.profile") if own else url_for("accounts.show_user", user_id=owner)
    return redirect(target, 303)


# -- one-time links ----------------------------------------------------------------------------


@blueprint.route("/dat-mat-khau/<token>", methods=["GET", "POST"])
@open_to_all
def use_link(token: str) -> Response:
    """Show the page of a one-time link, and set the password; only sending the form uses it up."""
    info = links.find_link(db.session(), token, current().clock.now())
    if info is None:
        _count_bad_link()
        return _link_response(render_template("accounts/link_dead.html"), 404)
    if info.user_id is None:
        return _set_up_page(info)
    form = forms.NewPassword()
    form.username_of = info.username
    if request.method == "POST" and form.validate():
        data = links.UseLink(info.token_hash, passwords.hash_password(form.typed()))
        try:
            with acting(replace(current(), actor=Actor(info.name, info.user_id))):
                user_id = run(links.use_link, data)
        except NotFound:
            return _link_response(render_template("accounts/link_dead.html"), 404)
        signin.sign_in(user_id)
        flash(_("Đã đặt mật khẩu. Bạn đang đăng nhập."), "success")
        return redirect(_home(), 303)
    status = 422 if request.method == "POST" else 200
    return _link_response(render_template("accounts/link.html", form=form, info=info), status)


def _set_up_page(info: links.LinkInfo) -> Response:
    form = forms.SetUpForm()
    form.offer_kinds()
    if request.method == "POST" and form.validate():
        data = links.SetUp(
            token_hash=info.token_hash,
            password_hash=passwords.hash_password(form.typed()),
            username=form.username.data or "",
            contact=form.contact(),
            unit_name=form.unit_name.data or "",
            unit_kind=UnitKind(form.unit_kind.data),
            locale=locale_code(),
        )
        try:
            with acting(replace(current(), actor=Actor(data.contact.name, None, SYSTEM))):
                user_id = run(links.set_up, data)
        except ValidationFailed as error:
            form.take_errors(error)
        except NotFound:
            return _link_response(render_template("accounts/link_dead.html"), 404)
        else:
            signin.sign_in(user_id)
            flash(_("Hệ thống đã sẵn sàng. Hãy lập các đơn vị và người dùng."), "success")
            return redirect(_home(), 303)
    status = 422 if request.method == "POST" else 200
    return _link_response(render_template("accounts/set_up.html", form=form), status)


def _count_bad_link() -> None:
    """Count a token that leads nowhere against its address. Raises TooMany."""
    run(throttle.begin_try, throttle.Try("", _address()))


def _link_response(page: str, status: int) -> Response:
    response = make_response(page, status)
    # The address holds the token; no page that is opened from here may learn it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
