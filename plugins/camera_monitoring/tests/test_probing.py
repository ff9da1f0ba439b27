"""Probes against a real RTSP server, and against servers that hang, lie, redirect or babble."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tracker_camera_monitoring.addresses import CameraAddress, ProbeKind, read_address
from tracker_camera_monitoring.networks import Networks, read_networks
from tracker_camera_monitoring.probing import (
    LONGEST_BODY,
    Health,
    Limits,
    Outcome,
    Prober,
    Reason,
    Target,
    ask_all,
    health_of,
)

LOOPBACK = read_networks("127.0.0.0/8")
# Long enough for a machine that has much else to do: who answers is not waited for.
QUICK = Limits(seconds=30, a_second=1000, tries=1)


def ask(*addresses: str | CameraAddress, **more: Any) -> list[Reason]:
    """Probe addresses and return why each stands as it does, in their order."""
    targets = [
        Target(number, read_address(one) if isinstance(one, str) else one)
        for number, one in enumerate(addresses)
    ]
    prober = Prober(more.pop("networks", LOOPBACK), more.pop("limits", QUICK), **more)
    outcomes = asyncio.run(ask_all(prober, targets))
    return [one.reason for one in sorted(outcomes, key=lambda one: one.key)]


# -- the real server ------------------------------------------------------------------------


def test_open_stream_is_up(rtsp_cameras: Any) -> None:
    assert ask(f"rtsp://127.0.0.1:{rtsp_cameras.open}/live") == [Reason.OK]


@pytest.mark.parametrize("way", ["digest", "basic"])
def test_password_opens_the_stream(rtsp_cameras: Any, way: str) -> None:
    host = f"127.0.0.1:{getattr(rtsp_cameras, way)}/live"
    secret = quote(rtsp_cameras.password)
    assert ask(
        f"rtsp://{rtsp_cameras.username}:{secret}@{host}",
        f"rtsp://{rtsp_cameras.username}:wrong@{host}",
        f"rtsp://{host}",
    ) == [Reason.OK, Reason.WRONG_PASSWORD, Reason.NEEDS_PASSWORD]


def test_stream_that_is_not_there_is_a_fault(rtsp_cameras: Any) -> None:
    reasons = ask(f"rtsp://127.0.0.1:{rtsp_cameras.open}/other")
    assert reasons == [Reason.NO_STREAM]
    assert health_of(reasons[0]) is Health.FAULT


def test_plain_connection_to_a_camera_is_enough_for_tcp(rtsp_cameras: Any) -> None:
    assert ask(f"tcp://127.0.0.1:{rtsp_cameras.digest}") == [Reason.OK]


def test_many_cameras_at_once_are_all_answered(rtsp_cameras: Any) -> None:
    address = f"rtsp://127.0.0.1:{rtsp_cameras.open}/live"
    assert (
        ask(*[address] * 60, limits=Limits(seconds=30, at_once=10, a_second=2000, tries=1))
        == [Reason.OK] * 60
    )


# -- nobody there ---------------------------------------------------------------------------


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_closed_port_is_down() -> None:
    reasons = ask(f"rtsp://127.0.0.1:{free_port()}/live")
    assert reasons == [Reason.REFUSED]
    assert health_of(reasons[0]) is Health.DOWN


def test_name_that_nobody_knows_is_down() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        return []

    assert ask("rtsp://camera.invalid/live", resolve=nobody) == [Reason.NO_NAME]


# -- servers that misbehave -----------------------------------------------------------------


async def read_request(reader: asyncio.StreamReader) -> list[str]:
    """Return the lines of a request."""
    return (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")


def says(*answers: str | bytes, cseq: bool = True) -> Any:
    """Return a talk that answers each request in turn, with its CSeq."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            request = await read_request(reader)
            sequence = next((line for line in request if line.startswith("CSeq:")), "")
            raw = answer.encode() if isinstance(answer, str) else answer
            if cseq:
                raw = raw.replace(b"{cseq}", sequence.encode())
            writer.write(raw)
            await writer.drain()
        await reader.read(1)

    return talk


OPTIONS = "RTSP/1.0 200 OK\r\n{cseq}\r\nPublic: DESCRIBE\r\n\r\n"
SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\n"


def described(body: str, status: str = "200 OK") -> str:
    """Return an answer with a body."""
    return f"RTSP/1.0 {status}\r\n{{cseq}}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


HUGE_HEAD = b"RTSP/1.0 200 OK\r\n" + b"X-Fill: " + b"a" * 200_000 + b"\r\n\r\n"
MANY_HEADERS = b"RTSP/1.0 200 OK\r\n" + b"X: 1\r\n" * 500 + b"\r\n"

LIES = {
    "garbage": ([b"\x00\xff\x17garbage\r\n\r\n"], Reason.BAD_ANSWER),
    "another protocol": (["SSH-2.0-OpenSSH_9.2\r\n\r\n"], Reason.BAD_ANSWER),
    "http": (["HTTP/1.1 200 OK\r\n\r\n"], Reason.BAD_ANSWER),
    "no status": (["RTSP/1.0\r\n\r\n"], Reason.BAD_ANSWER),
    "odd status": (["RTSP/1.0 2²0 OK\r\n\r\n"], Reason.BAD_ANSWER),
    "headers without colon": (["RTSP/1.0 200 OK\r\nnothing\r\n\r\n"], Reason.BAD_ANSWER),
    "somebody else's answer": (["RTSP/1.0 200 OK\r\nCSeq: 999\r\n\r\n"], Reason.BAD_ANSWER),
    "head without end": ([HUGE_HEAD], Reason.TOO_LONG),
    "hundreds of headers": ([MANY_HEADERS], Reason.TOO_LONG),
    "moved elsewhere": (
        ["RTSP/1.0 302 Found\r\n{cseq}\r\nLocation: rtsp://127.0.0.1:1/\r\n\r\n"],
        Reason.REDIRECTED,
    ),
    "moved at the second question": (
        [OPTIONS, "RTSP/1.0 301 Moved\r\n{cseq}\r\nLocation: rtsp://127.0.0.1:1/\r\n\r\n"],
        Reason.REDIRECTED,
    ),
    "fine, but no picture": ([OPTIONS, described("v=0\r\ns=Session\r\n")], Reason.NO_STREAM),
    "fine, but nothing": ([OPTIONS, described("")], Reason.NO_STREAM),
    "forbidden": ([OPTIONS, described("", "403 Forbidden")], Reason.FORBIDDEN),
    "broken": ([OPTIONS, described("", "500 Internal Server Error")], Reason.SERVER_ERROR),
    "overloaded": ([OPTIONS, described("", "453 Not Enough Bandwidth")], Reason.BAD_ANSWER),
    "body longer than allowed": (
        [OPTIONS, f"RTSP/1.0 200 OK\r\n{{cseq}}\r\nContent-Length: {LONGEST_BODY + 1}\r\n\r\n"],
        Reason.TOO_LONG,
    ),
    "length below nothing": (
        [OPTIONS, "RTSP/1.0 200 OK\r\n{cseq}\r\nContent-Length: -5\r\n\r\n"],
        Reason.BAD_ANSWER,
    ),
    "unknown way in": (
        [OPTIONS, 'RTSP/1.0 401 No\r\n{cseq}\r\nWWW-Authenticate: Negotiate abc\r\n\r\n'],
        Reason.BAD_ANSWER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_server_that_lies_is_a_fault(misbehaving: Any, lie: str) -> None:
    answers, expected = LIES[lie]

    async def scenario() -> Outcome:
        async with misbehaving(says(*answers)) as port:
            address = read_address(f"rtsp://u:p@127.0.0.1:{port}/live")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    outcome = asyncio.run(scenario())
    assert outcome.reason is expected
    assert outcome.health is Health.FAULT


def test_good_answers_are_up(misbehaving: Any) -> None:
    async def scenario() -> Outcome:
        async with misbehaving(says(OPTIONS, described(SDP))) as port:
            address = read_address(f"rtsp://127.0.0.1:{port}/live")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.OK


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and never say a word."""
    await asyncio.sleep(3600)


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say one letter at a time, for ever: each comes long before any time-out between them."""
    writer.write(b"RTSP/1.0 200 OK\r\nX: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.005)


async def body_never_comes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce a body and keep it."""
    await read_request(reader)
    writer.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 100\r\n\r\n")
    await asyncio.sleep(3600)


@pytest.mark.parametrize("talk", [silent, drips, body_never_comes])
def test_server_that_hangs_is_given_up_in_time(misbehaving: Any, talk: Any) -> None:
    async def scenario() -> Outcome:
        async with misbehaving(talk) as port:
            prober = Prober(LOOPBACK, Limits(seconds=0.2, tries=1))
            return await prober.ask(Target(1, read_address(f"rtsp://127.0.0.1:{port}/")))

    # The server would go on for an hour.
    outcome = asyncio.run(scenario())
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.health is Health.DOWN


def test_camera_that_hangs_up_is_down(misbehaving: Any) -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async def scenario() -> Outcome:
        async with misbehaving(hangs_up) as port:
            address = read_address(f"rtsp://127.0.0.1:{port}/")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.CLOSED


def test_second_try_finds_a_camera_that_was_busy(misbehaving: Any) -> None:
    asked = []

    async def busy_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        if len(asked) > 1:
            await says(OPTIONS, described(SDP))(reader, writer)

    async def scenario() -> Outcome:
        async with misbehaving(busy_once) as port:
            limits = Limits(seconds=30, tries=2, pause_seconds=0.01)
            address = read_address(f"rtsp://127.0.0.1:{port}/")
            return await Prober(LOOPBACK, limits).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.OK
    assert len(asked) == 2


def test_password_is_asked_for_at_most_once_more(misbehaving: Any) -> None:
    seen: list[str] = []
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="{n}", stale=true, qop="auth"'

    async def never_content(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            seen.append(request[0].split()[0])
            sequence = next(line for line in request if line.startswith("CSeq:"))
            header = challenge.replace("{n}", str(len(seen)))
            writer.write(f"RTSP/1.0 401 No\r\n{sequence}\r\n{header}\r\n\r\n".encode())
            await writer.drain()

    async def scenario() -> Outcome:
        async with misbehaving(never_content) as port:
            address = read_address(f"rtsp://u:p@127.0.0.1:{port}/")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.WRONG_PASSWORD
    assert seen == ["OPTIONS", "DESCRIBE", "DESCRIBE", "DESCRIBE"]


def test_password_goes_out_only_when_asked_for(misbehaving: Any) -> None:
    seen: list[str] = []

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (OPTIONS, described(SDP)):
            request = await read_request(reader)
            seen.extend(request)
            sequence = next(line for line in request if line.startswith("CSeq:"))
            writer.write(answer.replace("{cseq}", sequence).encode())
            await writer.drain()

    async def scenario() -> None:
        async with misbehaving(listens) as port:
            address = read_address(f"rtsp://u:secret@127.0.0.1:{port}/live")
            await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    asyncio.run(scenario())
    assert seen[0].startswith("OPTIONS rtsp://127.0.0.1:")
    assert not any("secret" in line or "Authorization" in line for line in seen)


# -- HTTP -----------------------------------------------------------------------------------

HTTP_ANSWERS = {
    "fine": ("HTTP/1.1 200 OK\r\n\r\n", Reason.OK),
    "nothing to send": ("HTTP/1.1 204 No Content\r\n\r\n", Reason.OK),
    "elsewhere": ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", Reason.REDIRECTED),
    "not there": ("HTTP/1.1 404 Not Found\r\n\r\n", Reason.NO_STREAM),
    "broken": ("HTTP/1.1 503 Busy\r\n\r\n", Reason.SERVER_ERROR),
    "garbage": (b"\x7f\x00\r\n\r\n", Reason.BAD_ANSWER),
    "closed": ('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n',
               Reason.NEEDS_PASSWORD),
}  # fmt: skip


@pytest.mark.parametrize("kind", HTTP_ANSWERS)
def test_http_answers(misbehaving: Any, kind: str) -> None:
    answer, expected = HTTP_ANSWERS[kind]

    async def scenario() -> Outcome:
        async with misbehaving(says(answer)) as port:
            address = read_address(f"http://127.0.0.1:{port}/snapshot.jpg")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is expected


def test_http_server_without_head_is_sent_a_get_and_not_read_to_the_end(misbehaving: Any) -> None:
    methods: list[str] = []

    async def only_get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        methods.append(request[0].split()[0])
        if methods[-1] == "HEAD":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # a picture that never ends
            writer.write(b"x" * 65536)
            await writer.drain()

    async def scenario() -> Outcome:
        async with misbehaving(only_get) as port:
            address = read_address(f"http://127.0.0.1:{port}/video")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.OK
    assert methods == ["HEAD", "GET"]


def test_http_digest_opens(misbehaving: Any) -> None:
    heads: list[str] = []

    async def wants_digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        header = next((line for line in request if line.startswith("Authorization")), "")
        heads.append(header)
        if header:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            writer.write(
                b"HTTP/1.1 401 No\r\n"
                b'WWW-Authenticate: Basic realm="cam"\r\n'
                b'WWW-Authenticate: Digest realm="cam", nonce="n", qop="auth"\r\n\r\n'
            )
        await writer.drain()

    async def scenario() -> Outcome:
        async with misbehaving(wants_digest) as port:
            address = read_address(f"http://admin:pw@127.0.0.1:{port}/")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.OK
    # Never the plain password where a digest does.
    assert heads[0] == ""
    assert heads[1].startswith("Authorization: Digest ")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that the device made for itself, with its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_https_with_the_devices_own_certificate_is_up(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says("HTTP/1.1 200 OK\r\n\r\n")(reader, writer)
        writer.transport.abort()

    async def scenario() -> Outcome:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        try:
            address = read_address(f"https://127.0.0.1:{port}/")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))
        finally:
            server.close()

    assert asyncio.run(scenario()).reason is Reason.OK


def test_https_to_a_server_without_tls_is_a_fault(misbehaving: Any) -> None:
    async def scenario() -> Outcome:
        async with misbehaving(lambda _r, w: _write(w, b"not tls at all\r\n\r\n")) as port:
            address = read_address(f"https://127.0.0.1:{port}/")
            return await Prober(LOOPBACK, QUICK).ask(Target(1, address))

    assert asyncio.run(scenario()).reason is Reason.TLS


async def _write(writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(raw)
    await writer.drain()


# -- networks -------------------------------------------------------------------------------


def test_host_outside_the_networks_is_never_connected_to(misbehaving: Any) -> None:
    connected = []

    async def notes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(1)

    async def scenario() -> list[Reason]:
        async with misbehaving(notes) as port:
            reasons = []
            for networks in (Networks(), read_networks("10.0.0.0/8"), read_networks("0.0.0.0/0")):
                address = read_address(f"rtsp://127.0.0.1:{port}/")
                outcome = await Prober(networks, QUICK).ask(Target(1, address))
                reasons.append(outcome.reason)
            return reasons

    assert asyncio.run(scenario()) == [Reason.NOT_ALLOWED] * 3
    assert connected == []


def test_name_is_checked_by_what_it_resolves_to_and_asked_once(misbehaving: Any) -> None:
    answers = [["127.0.0.1"], ["10.9.9.9"]]
    asked = []

    async def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    async def scenario() -> list[Reason]:
        async with misbehaving(says(OPTIONS, described(SDP))) as port:
            address = CameraAddress(ProbeKind.RTSP, "camera.example", port, "/live")
            prober = Prober(LOOPBACK, QUICK, resolve=changing)
            return [(await prober.ask(Target(1, address))).reason for _time in range(2)]

    # The second answer of the name service leads outside, and is refused.
    assert asyncio.run(scenario()) == [Reason.OK, Reason.NOT_ALLOWED]
    assert asked == ["camera.example", "camera.example"]


# -- rounds ---------------------------------------------------------------------------------


def test_round_is_spread_out_and_bounded(misbehaving: Any) -> None:
    at_once, most = 0, 0
    starts: list[float] = []

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        starts.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(0.02)
            await says(OPTIONS, described(SDP))(reader, writer)
        finally:
            at_once -= 1

    async def scenario() -> list[Outcome]:
        async with misbehaving(counts) as port:
            address = read_address(f"rtsp://127.0.0.1:{port}/")
            limits = Limits(seconds=30, at_once=4, a_second=200, tries=1)
            prober = Prober(LOOPBACK, limits, chance=random.Random(1))
            return await ask_all(prober, [Target(one, address) for one in range(40)])

    outcomes = asyncio.run(scenario())
    assert sorted(one.key for one in outcomes) == list(range(40))
    assert all(one.reason is Reason.OK for one in outcomes)
    assert most <= 5  # one may still be closing while the next begins
    assert starts[-1] - starts[0] > 40 / 200 * 0.7
