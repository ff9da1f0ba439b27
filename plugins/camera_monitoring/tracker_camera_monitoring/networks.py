"""Which hosts may be probed: the networks that an administrator named, and nothing else.

A name is resolved first and every address it gave is checked; the connection then goes to the
checked address, so that a second answer of the name service changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BETWEEN = re.compile(r"[\s,;]+")
MOST_NETWORKS = 200


class NetworkUnreadable(ValueError):
    """A word in the list of networks is none; carries the word."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def plain(address: Address) -> Address:
    """Return an IPv4 address that is written as IPv6 as what it is."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_own(network: Network | Address) -> bool:
    return network.is_loopback or network.is_link_local


@dataclass(frozen=True)
class Networks:
    """The allowed networks."""

    networks: tuple[Network, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.networks)

    def allows(self, address: Address) -> bool:
        """Tell whether a connection to `address` is allowed.

        The machine itself and its neighbours on the wire (loopback, link-local) are allowed only
        by a network that is nothing else: 'everything' does not mean them. Addresses that name no
        single host never are.
        """
        address = plain(address)
        if address.is_multicast or address.is_unspecified:
            return False
        return any(
            address in network and (not _is_own(address) or _is_own(network))
            for network in self.networks
            if network.version == address.version
        )

    def first_allowed(self, addresses: Sequence[str]) -> str | None:
        """Return the first of the addresses that a connection may go to."""
        for words in addresses:
            try:
                address = plain(ipaddress.ip_address(words))
            except ValueError:
                continue  # an address with a zone, which names a wire of this machine
            if self.allows(address):
                return str(address)
        return None


def read_networks(words: str) -> Networks:
    """Read '10.20.0.0/16, 192.168.1.0/24'; a single address counts as a network of one.

    Raises NetworkUnreadable for a word that is no network, and for more than MOST_NETWORKS.
    """
    found: list[Network] = []
    for word in BETWEEN.split(words.strip()):
        if not word:
            continue
        try:
            found.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            raise NetworkUnreadable(word) from None
    if len(found) > MOST_NETWORKS:
        raise NetworkUnreadable(str(found[MOST_NETWORKS]))
    return Networks(tuple(found))
