"""Requests to addresses that somebody typed or a browser handed over: checked before they leave.

The host is resolved once, every address that its name gave is checked against the allowed networks,
and the connection goes to a checked address: a second answer of the name service changes nothing
(DNS rebinding). No redirect is followed, nothing of an answer is read but its status, and the whole
exchange ends at its time limit. Source: OWASP ASVS 5.0, 1.3.6, 13.2.4, 15.3.2.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from threading import Thread
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECONDS: Final = 10.0
LONGEST_URL: Final = 1000
LARGEST_HEAD: Final = 16 * 1024
PORTS: Final = {"https": 443, "http": 80}
# Below these stand servers that a request in disguise could talk to: mail, files, terminals.
FIRST_FREE_PORT: Final = 1024
MOST_NETWORKS: Final = 200

BETWEEN: Final = re.compile(r"[\s,;]+")
PRINTABLE: Final = re.compile(r"[!-~]+")
STRAY: Final = re.compile(r"[\\<>\"^`{|}]")
LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# A name that ends so is an address in a spelling that libraries read differently (127.1, 0x7f.1).
NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r\n|$)")

# Written out, as Python's own lists differ from version to version. Source: IANA's registries of
# special-purpose addresses, RFC 6890; the last of IPv4 is a cloud's own service under a public one.
NOT_PUBLIC: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "168.63.129.16/32",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        ),
    )
)
# All other IPv6 is local, reserved, or carries an IPv4 address inside.
PUBLIC_IPV6: Final = ipaddress.ip_network("2000::/3")


class AddressRefused(ValueError):
    """No request may go there.

    `reason` is 'form', 'scheme', 'host' or 'port' for what was typed; 'network' for where it leads,
    'plain' for an unencrypted way out of the allowed networks.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AnswerUnreadable(OSError):
    """What answered is no web server, or it hung up."""


# -- where to ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A web address, taken apart; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Return scheme, host and port as RFC 6454 writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        """Return the address in one spelling."""
        return self.origin + self.path


def read_target(text: str, schemes: Collection[str] = ("https",)) -> Target:
    """Take a web address apart. Raises AddressRefused.

    Nobody's name and password may stand in it, and no host in a spelling of its own.
    """
    if len(text) > LONGEST_URL or not PRINTABLE.fullmatch(text) or STRAY.search(text):
        raise AddressRefused("form")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressRefused("form") from None
    if parts.scheme not in schemes:
        raise AddressRefused("scheme")
    if "@" in parts.netloc:
        raise AddressRefused("form")
    host = _read_host(parts.hostname or "")
    if port is None:
        port = PORTS[parts.scheme]
    if port not in PORTS.values() and port < FIRST_FREE_PORT:
        raise AddressRefused("port")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def _read_host(host: str) -> str:
    if "%" in host:
        raise AddressRefused("host")  # a zone names a wire of this machine
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    if len(host) > 253 or not all(map(LABEL.fullmatch, labels)) or NUMBER.fullmatch(labels[-1]):
        raise AddressRefused("host")
    return host


# -- which networks ------------------------------------------------------------------------------


def plain(address: Address) -> Address:
    """Return an IPv4 address that is written as IPv6 as what it is."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to one host of the internet."""
    address = plain(address)
    if isinstance(address, ipaddress.IPv6Address) and address not in PUBLIC_IPV6:
        return False
    return not any(address in one for one in NOT_PUBLIC if one.version == address.version)


def _is_own(one: Network | Address) -> bool:
    return one.is_loopback or one.is_link_local


@dataclass(frozen=True)
class Networks:
    """The networks inside which requests may go; the public internet is always among them."""

    named: tuple[Network, ...] = ()

    def names(self, address: Address) -> bool:
        """Tell whether the administrator named a network of this address.

        The machine itself and its neighbours on the wire (loopback, link-local) are meant only by a
        network that is nothing else: 'everything' does not mean them.
        """
        address = plain(address)
        if address.is_multicast or address.is_unspecified:
            return False
        return any(
            address in one and (not _is_own(address) or _is_own(one))
            for one in self.named
            if one.version == address.version
        )

    def allows(self, address: Address) -> bool:
        """Tell whether a request may go to an address."""
        return is_public(address) or self.names(address)


def read_networks(words: str) -> tuple[Networks, list[str]]:
    """Read '10.20.0.0/16, 192.168.1.7'; return the networks, and the words that are none."""
    found: list[Network] = []
    unread: list[str] = []
    for word in filter(None, BETWEEN.split(words.strip())):
        try:
            found.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            unread.append(word)
    unread += map(str, found[MOST_NETWORKS:])
    return Networks(tuple(found[:MOST_NETWORKS])), unread


# -- the request ---------------------------------------------------------------------------------


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host's name. Raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolve_until(host: str, port: int, until: float) -> list[str]:
    """Resolve a name, but wait no longer than that. Raises socket.gaierror, TimeoutError.

    The system's resolver can neither be told when to stop nor be stopped: it is left to a thread.
    """
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(resolve(host, port))
        except OSError as error:
            answer.set_exception(error)
        except UnicodeError:
            answer.set_exception(socket.gaierror("no name that the name service knows"))

    Thread(target=ask, daemon=True, name="name service").start()
    try:
        return answer.result(_left(until))
    except TimeoutError:
        raise TimeoutError("the name service does not answer in time") from None


@cache
def tls_context() -> ssl.SSLContext:
    """Return how servers are trusted: by the machine's own certificates, names checked.

    Read once: there are hundreds of them.
    """
    return ssl.create_default_context()


def checked_addresses(target: Target, networks: Networks, seconds: float = SECONDS) -> list[str]:
    """Resolve a target once and return its addresses.

    Raises AddressRefused, socket.gaierror, and TimeoutError where the name service takes too long.
    One address out of bounds is enough to refuse: a name that leads in and out at once is a trick.
    """
    found: list[str] = []
    for words in _resolve_until(target.host, target.port, monotonic() + seconds):
        try:
            address = plain(ipaddress.ip_address(words))
        except ValueError:
            raise AddressRefused("network") from None
        if not networks.allows(address):
            raise AddressRefused("network")
        if target.scheme == "http" and not networks.names(address):
            raise AddressRefused("plain")
        found.append(str(address))
    return found


def post(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    networks: Networks,
    seconds: float = SECONDS,
) -> int:
    """Send `body` to a target and return the status of the answer; redirects are not followed.

    Raises AddressRefused, and OSError (also as TimeoutError, ssl.SSLError, AnswerUnreadable).
    """
    until = monotonic() + seconds
    addresses = checked_addresses(target, networks, seconds)
    wire = _connect(target, addresses, until)
    try:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.default_port = PORTS[target.scheme]
        connection.sock = wire
        wire.settimeout(_left(until))
        connection.request("POST", target.path, body, {**headers, "Connection": "close"})
        return _status(wire, until)
    finally:
        wire.close()


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError("the time limit is over")
    return left


def _connect(target: Target, addresses: Sequence[str], until: float) -> socket.socket:
    fault: OSError = AnswerUnreadable("the name has no address")
    for address in addresses:
        try:
            raw = socket.create_connection((address, target.port), timeout=_left(until))
        except OSError as error:
            fault = error
            continue
        if target.scheme == "http":
            return raw
        try:
            return tls_context().wrap_socket(raw, server_hostname=target.host)
        except OSError:
            raw.close()
            raise
    raise fault


def _status(wire: socket.socket, until: float) -> int:
    """Read the head of an answer, within the limits; what comes after it stays unread."""
    data = b""
    while len(data) <= LARGEST_HEAD:
        head, end, rest = data.partition(b"\r\n\r\n")
        if end:
            found = STATUS.match(head)
            if found is None:
                break
            if int(found[1]) >= 200:
                return int(found[1])
            data = rest  # 'go on' and the like come before the answer
            continue
        wire.settimeout(_left(until))
        part = wire.recv(4096)
        if not part:
            break
        data += part
    raise AnswerUnreadable("no answer of a web server")
