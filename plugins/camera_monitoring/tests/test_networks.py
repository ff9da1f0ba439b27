"""Allowed networks, and addresses as people write them."""

from __future__ import annotations

import ipaddress

import pytest
from tracker_camera_monitoring.addresses import AddressUnreadable, ProbeKind, read_address
from tracker_camera_monitoring.networks import NetworkUnreadable, read_networks


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        ("10.20.0.0/16", "10.20.3.4", True),
        ("10.20.0.0/16", "10.21.3.4", False),
        ("10.20.3.4", "10.20.3.4", True),
        ("10.20.0.0/16, 192.168.1.0/24", "192.168.1.200", True),
        ("10.20.0.0/16\n192.168.1.0/24", "192.168.2.1", False),
        ("", "10.0.0.1", False),
        ("0.0.0.0/0", "8.8.8.8", True),
        # The machine itself and its metadata service are never meant by 'everything'.
        ("0.0.0.0/0 ::/0", "127.0.0.1", False),
        ("0.0.0.0/0 ::/0", "169.254.169.254", False),
        ("0.0.0.0/0 ::/0", "::1", False),
        ("0.0.0.0/0 ::/0", "fe80::1", False),
        ("0.0.0.0/0 ::/0", "0.0.0.0", False),
        ("0.0.0.0/0 ::/0", "224.0.0.1", False),
        ("127.0.0.0/8", "127.0.0.1", True),
        # IPv4 in the clothes of IPv6.
        ("0.0.0.0/0 ::/0", "::ffff:127.0.0.1", False),
        ("::/0", "::ffff:10.1.2.3", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("fd00::/8", "fd12::9", True),
    ],
)
def test_allows(networks: str, address: str, *, is_allowed: bool) -> None:
    assert read_networks(networks).allows(ipaddress.ip_address(address)) is is_allowed


def test_first_allowed_address_of_a_name_is_taken() -> None:
    networks = read_networks("10.0.0.0/8")
    assert networks.first_allowed(["8.8.8.8", "10.1.1.1", "10.2.2.2"]) == "10.1.1.1"
    assert networks.first_allowed(["8.8.8.8", "fe80::1%eth0", "nonsense"]) is None


@pytest.mark.parametrize("words", ["10.0.0.0/33", "camera.local", "10.0.0.0/8/8", "300.1.1.1"])
def test_network_that_is_none_is_named(words: str) -> None:
    with pytest.raises(NetworkUnreadable) as caught:
        read_networks(f"10.0.0.0/8, {words}")
    assert caught.value.word == words


def test_address_is_taken_apart_and_told_without_its_secret() -> None:
    one = read_address("rtsp://admin:m%E1%BA%ADt%20@10.1.2.3:8554/Streaming/Channels/101?a=1")
    assert (one.kind, one.host, one.port) == (ProbeKind.RTSP, "10.1.2.3", 8554)
    assert (one.username, one.password) == ("admin", "mật ")
    assert one.text == "rtsp://10.1.2.3:8554/Streaming/Channels/101?a=1"
    assert "mật" not in repr(one)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("10.1.2.3", "rtsp://10.1.2.3"),
        ("10.1.2.3:8554/live", "rtsp://10.1.2.3:8554/live"),
        ("HTTP://Cam-1.xa.LOCAL/snap.jpg", "http://cam-1.xa.local/snap.jpg"),
        ("https://10.1.2.3:443/", "https://10.1.2.3/"),
        ("tcp://10.1.2.3:37777", "tcp://10.1.2.3:37777"),
        ("rtsp://[fd00::7]/x", "rtsp://[fd00::7]/x"),
    ],
)
def test_addresses_in_one_spelling(words: str, text: str) -> None:
    assert read_address(words).text == text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("ftp://10.1.2.3/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("rtsp://", "host"),
        ("rtsp://10.1.2/", "host"),
        ("rtsp://0x7f000001/", "host"),
        ("rtsp://2130706433/", "host"),
        ("rtsp://10.1.2.3:99999/", "port"),
        ("rtsp://10.1.2.3:0/", "port"),
        ("tcp://10.1.2.3", "port"),
        ("tcp://10.1.2.3:80/path", "path"),
        ("rtsp://10.1.2.3/a b", "path"),
        ("rtsp://10.1.2.3/" + "a" * 500, "path"),
        ("rtsp://cam era/", "host"),
        ("rtsp://[::1/", "host"),
        ("rtsp://a%0d%0aX:b@10.1.2.3/", "secret"),
    ],
)
def test_addresses_that_cannot_be_probed(words: str, reason: str) -> None:
    with pytest.raises(AddressUnreadable) as caught:
        read_address(words)
    assert caught.value.reason == reason
