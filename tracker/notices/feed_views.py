"""Pages of calendar feeds, and the calendars themselves."""

from __future__ import annotations

from hashlib import sha256

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.accounts.tokens import hash_token, new_token
from tracker.core.errors import BadRequest, NotFound, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.work import run
from tracker.notices import feeds, forms, queries
from tracker.notices.views import blueprint, me
from tracker.units import queries as units
from tracker.web.doors import open_to_all, signed_in, unnoticed

# The address is shown once, on the page after it was made.
FRESH = "fresh_calendar"
LONGEST_TOKEN = 100


@blueprint.get("/thong-bao/lich")
@signed_in
def list_feeds() -> str:
    """Show one's calendar addresses, and the new one for the only time."""
    token = session.pop(FRESH, "")
    address = ""
    if token:
        address = queries.page_address("notices.calendar", {"token": token}) or url_for(
            "notices.calendar", token=token, _external=True
        )
    form = forms.FeedForm()
    form.unit_id.choices = [
        SelectChoice("", _("Của tôi")),
        *(SelectChoice(str(key), label) for key, label in units.choices(feeds.VIEW)),
    ]
    return render_template(
        "notices/feeds.html", feeds=feeds.feeds_of(me()), address=address, form=form
    )


@blueprint.post("/thong-bao/lich")
@signed_in
def make_feed() -> Response:
    """Make a new address for one's own calendar or a unit's."""
    unit_id = None
    if request.form.get("unit_id"):
        unit_id = read_whole(request.form["unit_id"], 2**31 - 1)
        if not unit_id:
            raise BadRequest
    token = new_token()
    try:
        run(feeds.make_feed, feeds.MakeFeed(me(), hash_token(token), unit_id))
    except ValidationFailed as error:
        flash(" ".join(str(one.message) for one in error.errors), "warning")
    else:
        session[FRESH] = token
    return redirect(url_for("notices.list_feeds"), 303)


@blueprint.post("/thong-bao/lich/<int:feed_id>/thu-hoi")
@signed_in
def revoke_feed(feed_id: int) -> Response:
    """Let an address be read no longer."""
    run(feeds.revoke_feed, feeds.RevokeFeed(me(), feed_id))
    flash(_("Đã thu hồi địa chỉ lịch."), "success")
    return redirect(url_for("notices.list_feeds"), 303)


@blueprint.get("/lich/<token>.ics")
@open_to_all
@unnoticed
def calendar(token: str) -> Response:
    """Answer a calendar program that knows the address; with 304 when nothing changed."""
    if len(token) > LONGEST_TOKEN:
        raise NotFound
    content = feeds.read_feed(token)
    answer = Response(content, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = 'inline; filename="cchc.ics"'
    answer.headers["Cache-Control"] = "private, max-age=900"
    answer.set_etag(sha256(content).hexdigest()[:32])
    return answer.make_conditional(request.environ)
