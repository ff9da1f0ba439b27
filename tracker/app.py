"""The application factory: a flat list of steps; a comment where their order matters."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from tracker.accounts import signin
from tracker.admin.site import init_admin
from tracker.config import Settings
from tracker.core import kept, secrets, work
from tracker.core.clock import Clock
from tracker.core.db import init_db
from tracker.core.errors import FieldError
from tracker.core.rights import Rights
from tracker.exports import views as exports
from tracker.features import features, load_models
from tracker.inspections.inputs import CreateVisit, RecordFinding
from tracker.notices import bell
from tracker.outbox import events, handovers
from tracker.plans.greeting import greeting
from tracker.plans.inputs import ReportProgress
from tracker.plugins import gate, switch
from tracker.plugins.breaker import Breaker, Limits
from tracker.plugins.folders import catalogue_of
from tracker.plugins.host import Host, host_of
from tracker.settings import queries as settings_queries
from tracker.units import tree
from tracker.web import health, pages
from tracker.web.addresses import init_addresses
from tracker.web.assets import init_assets
from tracker.web.contracts import contracts_of, default_contracts
from tracker.web.doors import check_door
from tracker.web.errors import init_errors
from tracker.web.i18n import init_i18n
from tracker.web.paging import address_with
from tracker.web.security import init_security
from tracker.web.shell import init_shell


def templates_folder() -> Path:
    """Return the templates: beside the package when installed, else in the checkout."""
    try:
        return Path(str(resources.files("tracker.templates").joinpath("")))
    except ModuleNotFoundError:
        return Path(__file__).resolve().parents[1] / "templates"


def create_app(
    settings: Settings, plugins: Mapping[str, object] | None = None, *, clock: Clock | None = None
) -> Flask:
    """Return an app on the database of `settings`; makes no connection and runs no query.

    `plugins` are hook implementations by name; `clock` replaces the system's.
    """
    app = Flask(
        "tracker",
        template_folder=str(templates_folder()),
        static_folder=None,
        instance_path=str(settings.instance),
    )
    configure(app, settings)
    load_models()
    init_db(app, settings.database_url)
    secrets.keys[:] = [partial(secrets.load_keys, settings.instance)]
    init_host(app, Host(features(), plugins))
    init_contracts(app, clock)
    init_breaker(app)
    # Request hooks run in this order: the request's id, who acts, is the plug-in open whose page
    # it is, may they come in, CSRF.
    init_security(app)
    init_shell(app)
    app.before_request(gate.check)
    app.before_request(check_door)
    CSRFProtect(app)
    init_i18n(app, [one for one in map(catalogue_of, (plugins or {}).values()) if one])
    init_errors(app)
    init_assets(app)
    # Before any page registers: addresses keep the converters that they were made with.
    init_addresses(app)
    app.jinja_env.globals["address_with"] = address_with
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(health.blueprint)
    gate.register_pages(app)
    # The back office asks the host for its views, so it comes after everything registered.
    init_admin(app)
    # What plug-ins registered is there now, and can be looked at and guarded.
    gate.check_links(app)
    gate.guard_pages(app)
    return app


def init_breaker(app: Flask) -> None:
    """Have the faults of plug-ins counted, with the limits that the administrator set."""
    breaker = Breaker(app, host_of(app), lambda: contracts_of(app).clock)
    breaker.limits = lambda: Limits(
        settings_queries.whole("plugins.error_budget"),
        timedelta(minutes=settings_queries.whole("plugins.error_minutes")),
    )
    app.extensions["tracker_breaker"] = breaker


def configure(app: Flask, settings: Settings) -> None:
    """Set Flask's own configuration from the settings."""
    app.extensions["tracker_settings"] = settings
    app.testing = settings.testing
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=3000,
        SESSION_COOKIE_NAME="__Host-tracker" if settings.secure_cookies else "tracker",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    logging.getLogger("tracker").setLevel(logging.INFO)


def init_host(app: Flask, host: Host) -> None:
    """Make what the features and plug-ins offer known to the contracts of the core."""
    app.extensions["tracker_host"] = host
    rights = app.extensions["tracker_rights"] = Rights()
    host.fill_rights(rights)
    rights.units_within = tree.units_within
    app.extensions["tracker_work"] = work.Hooks(
        validators={
            ReportProgress: partial(_validate, host, "progress"),
            CreateVisit: partial(_validate, host, "visit"),
            RecordFinding: partial(_validate, host, "finding"),
        },
        recorders=[events.record],
    )
    host.on_handover(handovers.record)


def _validate(host: Host, noun: str, data: Any) -> Sequence[FieldError]:
    """Ask validate hooks about an input, told in plain values."""
    return host.validate(noun, data.proposed())


def init_contracts(app: Flask, clock: Clock | None) -> None:
    """Fill what the shell needs from features above it."""
    contracts = default_contracts()
    if clock is not None:
        contracts.clock = clock
    contracts.identify = signin.identify
    contracts.person_of = signin.person_of
    contracts.user_card = signin.user_card
    contracts.setting = settings_queries.value
    contracts.greeting = greeting
    contracts.bell = bell.bell
    contracts.export_later = exports.later
    app.extensions["tracker_shell"] = contracts
    signin.init_app(app, [*bell.columns(), switch.generation_column(), kept.head_column()])
