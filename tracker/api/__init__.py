"""All that a plug-in may import of the product, and nothing else of it.

A module for each concern; `docs/plugins.md` shows them at work. The names, columns and signatures
here are frozen by a contract test: `VERSION` says which contract this is. Adding raises its second
number, changing or taking away its first.
"""

from __future__ import annotations

from tracker.plugins.manifest import API_VERSION as VERSION

__all__ = ["VERSION"]
