"""The back office: Flask-Admin in the house look."""
