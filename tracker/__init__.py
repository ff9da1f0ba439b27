"""Tracks administrative-reform plans, the work under them and its inspection."""

from importlib.metadata import version

__version__ = version("tracker")
