"""Pages of things."""

from __future__ import annotations

from tracker.api.declaration import declaration
from tracker.api.files import links_of
from tracker.api.web import render_template, requires
from tracker.api.work import log_read
from tracker_dummy import queries
from tracker_dummy.services import FILES, MANAGE, VIEW

blueprint = declaration(__package__).blueprint()


@blueprint.get("/")
@requires(VIEW)
def list_things() -> str:
    """Show all things."""
    return render_template("dummy/list.html", things=queries.things())


@blueprint.get("/<int:thing_id>")
@requires(VIEW)
def show_thing(thing_id: int) -> str:
    """Show a thing with its files."""
    thing = queries.get_thing(thing_id)
    files = links_of(FILES, [thing.id]).get(thing.id, [])
    return render_template("dummy/thing.html", thing=thing, files=files, secret="")


@blueprint.get("/<int:thing_id>/bi-mat")
@requires(MANAGE)
def show_secret(thing_id: int) -> str:
    """Show what is secret; the change log tells who looked."""
    log_read(queries.get_thing(thing_id), "Điều bí mật")
    thing = queries.get_thing(thing_id)
    return render_template("dummy/thing.html", thing=thing, files=[], secret=thing.secret or "")
