"""Fixtures for the tests of plug-ins: an app with the plug-in in it, people, both databases.

pytest finds the fixtures by itself where the product is installed (`tracker.testing.plugin`);
`tracker.testing.world` has what tests call by name. This package itself imports nothing, as pytest
loads it in every run.
"""
