"""Requests to addresses that somebody typed: where they may go, and what is taken for an answer.

Source: Indico CVE-2026-107394, Kanboard's webhooks; OWASP ASVS 5.0, 1.3.6 and 15.3.2.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core import outgoing
from tracker.core.outgoing import (
    NOT_PUBLIC,
    SECONDS,
    AddressRefused,
    AnswerUnreadable,
    Networks,
    Target,
    checked_addresses,
    is_public,
    post,
    read_networks,
    read_target,
    tls_context,
)

IPV4 = st.ip_addresses(v=4)
CLOSED = [str(one) for one in NOT_PUBLIC if one.version == 4]
LOOPBACK, _unread = read_networks("127.0.0.0/8")
EVERYTHING, _unread = read_networks("0.0.0.0/0 ::/0")


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1",
        # Metadata services of clouds.
        "169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1",
        "::", "::1", "::ffff:0:0", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2001::1", "100::1",
    ],
)  # fmt: skip
def test_addresses_of_nobodys_server_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not Networks().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "113.160.1.1", "::ffff:8.8.8.8", "2405:4800::1"])
def test_servers_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.sampled_from(CLOSED).flatmap(lambda one: st.ip_addresses(network=one)))
def test_what_is_closed_stays_closed_in_the_clothes_of_ipv6(address: ipaddress.IPv4Address) -> None:
    assert not is_public(address)
    for network in ("::ffff:0:0", "::", "64:ff9b::"):
        base = int(ipaddress.IPv6Address(network))
        assert not is_public(ipaddress.IPv6Address(base + int(address)))


@given(IPV4)
def test_other_clothes_are_never_public(address: ipaddress.IPv4Address) -> None:
    """6to4, NAT64 and Teredo hide where a request would arrive."""
    number = int(address)
    for high, shift in ((0x2002 << 112, 80), (0x64FF9B << 96, 0), (0x20010000 << 96, 64)):
        assert not is_public(ipaddress.IPv6Address(high | number << shift))
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | number)
    assert is_public(mapped) == is_public(address)


@given(st.ip_addresses())
def test_everything_does_not_mean_the_machine_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    plain = outgoing.plain(address)
    own = plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified
    assert EVERYTHING.names(address) is not own


def test_networks_that_are_named_are_open() -> None:
    named, unread = read_networks("10.20.0.0/16; 192.168.1.7, 127.0.0.0/8 nhà, 300.1.1.1")
    assert unread == ["nhà", "300.1.1.1"]
    allowed = ("10.20.3.4", "192.168.1.7", "127.0.0.1", "::ffff:10.20.3.4", "8.8.8.8")
    assert all(named.allows(ipaddress.ip_address(one)) for one in allowed)
    refused = ("10.21.0.1", "192.168.1.8", "169.254.169.254", "::1")
    assert not any(named.allows(ipaddress.ip_address(one)) for one in refused)


# -- what was typed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://example.org/", "scheme"),
        ("ftp://example.org/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("//example.org/", "scheme"),
        ("https://a:b@example.org/", "form"),
        ("https://example.org@127.0.0.1/", "form"),
        ("https://example.org\\@127.0.0.1/", "form"),
        ("https://exa mple.org/", "form"),
        ("https://example.org/\r\nX: y", "form"),
        ("https://example.org/\thinten", "form"),
        ("https://đơn-vị.vn/", "form"),
        ("https://[::1/", "form"),
        ("https://example.org:99999/", "form"),
        ("https://example.org/" + "a" * 1000, "form"),
        ("https:///x", "host"),
        ("https://example.org./", "host"),
        ("https://exam%70le.org/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://example.org:22/", "port"),
        ("https://example.org:0/", "port"),
        ("https://example.org:25/", "port"),
    ],
)
def test_addresses_that_can_not_be_used(text: str, reason: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        read_target(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "url", "origin"),
    [
        ("https://Push.Example.org/a?b=c#d", "https://push.example.org/a?b=c", None),
        ("https://example.org:443", "https://example.org/", "https://example.org"),
        ("https://example.org:8443/x", "https://example.org:8443/x", "https://example.org:8443"),
        ("http://10.1.2.3/x", "http://10.1.2.3/x", "http://10.1.2.3"),
        ("https://[2405:4800:0:0::1]/x", "https://[2405:4800::1]/x", "https://[2405:4800::1]"),
    ],
)
def test_addresses_in_one_spelling(text: str, url: str, origin: str | None) -> None:
    target = read_target(text, ("https", "http"))
    assert target.url == url
    assert origin is None or target.origin == origin
    assert read_target(target.url, ("https", "http")) == target


@given(IPV4)
def test_addresses_in_spellings_of_their_own_are_refused(address: ipaddress.IPv4Address) -> None:
    """Libraries read them differently: one checks this host, the next one connects to that."""
    parts = str(address).split(".")
    number = int(address)
    spellings = [
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(f"0{int(one):o}" for one in parts),
        ".".join(map(hex, map(int, parts))),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        f"00{address}",
    ]
    for one in spellings:
        with pytest.raises(AddressRefused):
            read_target(f"https://{one}/")
    assert read_target(f"https://{address}/").host == str(address)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://a.vn", "https://a.vn:80"]))
def test_any_text_is_read_the_same_twice_or_refused(text: str, before: str) -> None:
    try:
        target = read_target(before + text)
    except AddressRefused:
        return
    assert read_target(target.url) == target
    assert target.port in {80, 443} or target.port >= 1024


# -- resolved once -------------------------------------------------------------------------------

Answers = list[list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the name service answers, one after the other; whoever asks too often gets an error."""
    answers: Answers = []
    monkeypatch.setattr(outgoing, "resolve", lambda _host, _port: answers.pop(0))
    return answers


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (["127.0.0.1"], "network"),
        # Out and in at once: whichever is connected to, the name is a trick.
        (["8.8.8.8", "10.0.0.1"], "network"),
        (["::ffff:10.0.0.1"], "network"),
        (["fe80::1%2"], "network"),
    ],
)
def test_every_address_of_a_name_is_checked(names: Answers, found: list[str], reason: str) -> None:
    names.append(found)
    with pytest.raises(AddressRefused) as caught:
        checked_addresses(read_target("https://example.org/"), Networks())
    assert caught.value.reason == reason


def test_plain_http_stays_within_the_networks_that_were_named(names: Answers) -> None:
    inside, _unread = read_networks("10.0.0.0/8")
    target = read_target("http://example.org/", ("https", "http"))
    names += [["10.0.0.1"], ["8.8.8.8"]]
    assert checked_addresses(target, inside) == ["10.0.0.1"]
    with pytest.raises(AddressRefused, match="plain"):
        checked_addresses(target, inside)


Serve = Callable[[Sequence[bytes]], Target]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that send the given pieces to whoever connects; silent and open after them."""
    ends: list[Callable[[], object]] = []

    def start(pieces: Sequence[bytes], host: str = "example.org") -> Target:
        listener = socket.create_server(("127.0.0.1", 0))
        over = threading.Event()

        def work() -> None:
            with contextlib.suppress(OSError):
                wire, _peer = listener.accept()
                with wire:
                    # Closed with something unread, the connection would be torn down instead.
                    asked = part = wire.recv(65536)
                    while part and not asked.endswith(b"{}"):
                        part = wire.recv(65536)
                        asked += part
                    for piece in pieces:
                        wire.sendall(piece)
                        over.wait(0.02)
                    if pieces[-1]:
                        over.wait(10)

        thread = threading.Thread(target=work)
        thread.start()
        ends.extend([over.set, lambda: listener.shutdown(socket.SHUT_RDWR), thread.join])
        ends.append(listener.close)
        return Target("http", host, listener.getsockname()[1], "/x")

    yield start
    for end in ends:
        end()


def test_the_connection_goes_to_the_address_that_was_checked(names: Answers, serve: Serve) -> None:
    """Asked again, the name would lead elsewhere (DNS rebinding): it is not asked again."""
    names.append(["127.0.0.1"])
    target = serve([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 Fine\r\n", b"X: y\r\n\r\n"])
    assert post(target, b"{}", {}, LOOPBACK) == 204
    assert names == []


@pytest.mark.parametrize("head", [b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n"])
def test_redirects_are_told_not_followed(names: Answers, serve: Serve, head: bytes) -> None:
    names.append(["127.0.0.1"])
    assert post(serve([head]), b"{}", {}, LOOPBACK) == 302


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ([b"220 mail.example.org ESMTP\r\n\r\n"], AnswerUnreadable),
        ([b"HTTP/1.1 20", b""], AnswerUnreadable),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000], AnswerUnreadable),
        # Slowly for ever, and not at all.
        ([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100], TimeoutError),
        ([b" "], TimeoutError),
    ],
)
def test_answers_end_at_their_limits(
    names: Answers, serve: Serve, pieces: list[bytes], fault: type[OSError]
) -> None:
    names.append(["127.0.0.1"])
    # Only what never ends is to meet the time limit, however slow the machine is.
    seconds = 0.3 if fault is TimeoutError else SECONDS
    with pytest.raises(fault):
        post(serve(pieces), b"{}", {}, LOOPBACK, seconds=seconds)


def test_the_name_service_is_not_waited_for_longer_than_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    monkeypatch.setattr(outgoing, "resolve", lambda _host, _port: [str(over.wait(10))])
    with pytest.raises(TimeoutError, match="name service"):
        post(Target("http", "example.org", 80, "/x"), b"{}", {}, LOOPBACK, seconds=0.05)
    over.set()


def test_certificates_of_the_machine_are_read_once() -> None:
    assert tls_context() is tls_context()
