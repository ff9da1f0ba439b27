"""The WSGI entry point for other servers: `gunicorn wsgi:app`."""

from tracker.ops.serving import make_app

app = make_app()
