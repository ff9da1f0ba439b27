"""A camera's address as people paste it: rtsp://user:password@10.1.2.3:554/path, taken apart."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit


class ProbeKind(StrEnum):
    """How a camera is asked whether it is there."""

    RTSP = "rtsp"
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


PORTS = {ProbeKind.RTSP: 554, ProbeKind.HTTP: 80, ProbeKind.HTTPS: 443, ProbeKind.TCP: 0}
HOST = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}\.?)+$")
SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
LONGEST_PATH = 400
LONGEST_SECRET = 200


class AddressUnreadable(ValueError):
    """The text is no address that can be probed; `reason` is one of the words below."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class CameraAddress:
    """Where a camera answers; what opens it is kept apart and never printed."""

    kind: ProbeKind
    host: str
    port: int
    path: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def host_port(self) -> str:
        """Return 'host:port', with the port left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.kind] else f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """Return the address without name and password."""
        return f"{self.kind.value}://{self.host_port}{self.path}"


def _printable(words: str) -> bool:
    return all(33 <= ord(character) < 127 for character in words)


def read_address(words: str) -> CameraAddress:
    """Read an address; one without a scheme counts as RTSP.

    Raises AddressUnreadable ('scheme', 'host', 'port', 'path' or 'secret').
    """
    words = words.strip()
    if not SCHEME.match(words):
        words = f"rtsp://{words}"
    try:
        parts = urlsplit(words)
    except ValueError:
        raise AddressUnreadable("host") from None
    try:
        kind = ProbeKind(parts.scheme.lower())
    except ValueError:
        raise AddressUnreadable("scheme") from None
    try:
        port = parts.port if parts.port is not None else PORTS[kind]
    except ValueError:
        raise AddressUnreadable("port") from None
    if not 0 < port < 65536:
        raise AddressUnreadable("port")
    host = read_host(parts.hostname or "")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    if not _printable(path) or len(path) > LONGEST_PATH:
        raise AddressUnreadable("path")
    if kind is ProbeKind.TCP and path.strip("/"):
        raise AddressUnreadable("path")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    check_secret(username)
    check_secret(password)
    return CameraAddress(
        kind, host, port, "" if kind is ProbeKind.TCP else path, username, password
    )


def read_host(host: str) -> str:
    """Return a host's name or address in one spelling. Raises AddressUnreadable."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    # Names of digits and dots alone are addresses in spellings that libraries read differently.
    if not HOST.match(host) or re.fullmatch(r"(0[xX][0-9a-fA-F]+|[0-9.])+", host):
        raise AddressUnreadable("host")
    return host.lower()


def check_secret(words: str) -> None:
    """Raise AddressUnreadable for a name or password that could break a line of a request."""
    if len(words) > LONGEST_SECRET or not words.isprintable():
        raise AddressUnreadable("secret")
