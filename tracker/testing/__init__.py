"""Fixtures for the tests of plug-ins: an app with the plug-in in it, people, both databases.

pytest finds them by itself where the product is installed (entry point `tracker.testing.plugin`).
"""
