"""Which hosts may be probed: the networks that an administrator named, and nothing else.

A name is resolved first and every address it gave is checked; the connection then goes to the
checked address, so that a second answer of the name service changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from tracker.api import networks as api


class NetworkUnreadable(ValueError):
    """A word in the list of networks is none; carries the word."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True)
class Networks:
    """The allowed networks: only those that were named, the internet is not among them."""

    named: api.Networks = field(default_factory=api.Networks)

    def __bool__(self) -> bool:
        return bool(self.named.named)

    def allows(self, address: api.Address) -> bool:
        """Tell whether a connection to `address` is allowed."""
        return self.named.names(address)

    def first_allowed(self, addresses: Sequence[str]) -> str | None:
        """Return the first of the addresses that a connection may go to."""
        for words in addresses:
            try:
                address = api.plain(ipaddress.ip_address(words))
            except ValueError:
                continue  # what is no address leads nowhere
            if self.allows(address):
                return str(address)
        return None


def read_networks(words: str) -> Networks:
    """Read '10.20.0.0/16, 192.168.1.0/24'; a single address counts as a network of one.

    Raises NetworkUnreadable for a word that is no network, and for one network too many.
    """
    found, unread = api.read_networks(words)
    if unread:
        raise NetworkUnreadable(unread[0])
    return Networks(found)
