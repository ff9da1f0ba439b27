"""Notices: what people are told, in the app and outside it, when and by which channel."""
