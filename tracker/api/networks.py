"""Where connections may go: networks that an administrator names, held against real addresses.

Resolve a name once, hold each address that it gave against the networks, and connect to an address
that was held: asked again, the name may lead elsewhere.
"""

from __future__ import annotations

from tracker.core.outgoing import Address, Networks, plain, read_networks

__all__ = ["Address", "Networks", "plain", "read_networks"]
