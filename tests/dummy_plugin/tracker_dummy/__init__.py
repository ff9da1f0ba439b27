"""A plug-in that answers every hook, so that each has a test from outside the core."""
