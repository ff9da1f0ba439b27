"""The WSGI entry point: `gunicorn wsgi:app`."""

from tracker.app import create_app
from tracker.config import settings_from_environment

app = create_app(settings_from_environment())
