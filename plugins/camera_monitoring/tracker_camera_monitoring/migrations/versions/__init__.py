"""Migrations of this plug-in's tables."""
