"""Ask cameras whether they are there: RTSP, HTTP(S) or a plain connection.

Nothing here knows the database or the app. What a server says is never trusted: the time of a
whole probe and the bytes of every answer are bounded, redirects are not followed, and the only
addresses connected to are those that `Networks` allows after the name was resolved.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tracker_camera_monitoring import challenges
from tracker_camera_monitoring.addresses import CameraAddress, ProbeKind
from tracker_camera_monitoring.networks import Networks

LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 64 * 1024
MOST_HEADERS = 100
AGENT = "tracker-camera-monitoring"


class Health(StrEnum):
    """How a camera stands."""

    UP = "up"
    # It answers, but not with a picture: wrong password, no such stream, nonsense.
    FAULT = "fault"
    DOWN = "down"
    # Nobody asked, or nobody may ask.
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a camera stands as it does."""

    OK = "ok"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_NAME = "no_name"
    CLOSED = "closed"
    TLS = "tls"
    NOT_ALLOWED = "not_allowed"
    NEEDS_PASSWORD = "needs_password"  # noqa: S105 - a reason, no password
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    FORBIDDEN = "forbidden"
    NO_STREAM = "no_stream"
    REDIRECTED = "redirected"
    BAD_ANSWER = "bad_answer"
    TOO_LONG = "too_long"
    SERVER_ERROR = "server_error"
    # Of time that nobody measured: no probes ran, or nobody knows yet.
    NOT_MEASURED = "not_measured"


_DOWN = {Reason.TIMEOUT, Reason.REFUSED, Reason.UNREACHABLE, Reason.NO_NAME, Reason.CLOSED}
_UNKNOWN = {Reason.NOT_ALLOWED, Reason.NOT_MEASURED}


def health_of(reason: Reason) -> Health:
    """Return what a reason means."""
    if reason is Reason.OK:
        return Health.UP
    if reason in _DOWN:
        return Health.DOWN
    return Health.UNKNOWN if reason in _UNKNOWN else Health.FAULT


# What another try a moment later may change.
_FLEETING = {Reason.TIMEOUT, Reason.REFUSED, Reason.UNREACHABLE, Reason.CLOSED}


@dataclass(frozen=True)
class Target:
    """A camera to ask: its key and its address."""

    key: int
    address: CameraAddress


@dataclass(frozen=True)
class Outcome:
    """What came of asking one camera, and how long its answer took."""

    key: int
    reason: Reason
    milliseconds: int = 0

    @property
    def health(self) -> Health:
        """Return how the camera stands."""
        return health_of(self.reason)


@dataclass(frozen=True)
class Limits:
    """How patiently and how hard cameras are asked."""

    seconds: float = 6.0
    at_once: int = 200
    # Probes begun in a second: a round is spread out, not fired at once.
    a_second: float = 60.0
    tries: int = 2
    pause_seconds: float = 2.0


class Fault(Exception):
    """A probe ended without a picture."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host's name. Raises Fault."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Fault(Reason.NO_NAME) from None
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True)
class Prober:
    """Asks cameras inside `networks`, within `limits`."""

    networks: Networks
    limits: Limits = field(default_factory=Limits)
    resolve: Resolve = resolve
    # The order of a round and the offset of each start; tests pass a seeded one.
    chance: random.Random = field(default_factory=random.Random)

    async def round(self, targets: Sequence[Target]) -> AsyncIterator[Outcome]:
        """Ask all targets once, in random order, spread by the limits; yield as answers come."""
        order = list(targets)
        self.chance.shuffle(order)
        gate = asyncio.Semaphore(self.limits.at_once)
        began = asyncio.get_running_loop().time()
        tasks: set[asyncio.Task[Outcome]] = set()
        try:
            for number, target in enumerate(order):
                due = (number + self.chance.random()) / self.limits.a_second
                wait = began + due - asyncio.get_running_loop().time()
                if wait > 0.005:
                    await asyncio.sleep(wait)
                await gate.acquire()
                task = asyncio.create_task(self.ask(target))
                task.add_done_callback(lambda _task: gate.release())
                tasks.add(task)
                for done in [one for one in tasks if one.done()]:
                    tasks.remove(done)
                    yield done.result()
            while tasks:
                finished, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for done in finished:
                    yield done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, target: Target) -> Outcome:
        """Ask one camera; a failure that may pass is tried again after a pause."""
        outcome = await self._try(target)
        for _again in range(self.limits.tries - 1):
            if outcome.reason not in _FLEETING:
                break
            await asyncio.sleep(self.limits.pause_seconds * (0.5 + self.chance.random()))
            outcome = await self._try(target)
        return outcome

    async def _try(self, target: Target) -> Outcome:
        began = time.monotonic()
        reason = Reason.OK
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self._probe(target.address)
        except Fault as fault:
            reason = fault.reason
        except TimeoutError:
            reason = Reason.TIMEOUT
        return Outcome(target.key, reason, int((time.monotonic() - began) * 1000))

    async def _probe(self, address: CameraAddress) -> None:
        found = await self.resolve(address.host, address.port)
        if not found:
            raise Fault(Reason.NO_NAME)
        checked = self.networks.first_allowed(found)
        if checked is None:
            raise Fault(Reason.NOT_ALLOWED)
        if address.kind is ProbeKind.RTSP:
            await _ask_rtsp(address, checked)
        elif address.kind is ProbeKind.TCP:
            async with _connection(address, checked):
                return
        else:
            await _ask_http(address, checked)


# ---------------------------------------------------------------------------------------------
# Connections and answers


def _unverified() -> ssl.SSLContext:
    """Return a TLS context for devices on the LAN: their certificates are of their own making."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class _Stream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@contextlib.asynccontextmanager
async def _connection(address: CameraAddress, checked: str) -> AsyncIterator[_Stream]:
    """Connect to the checked address of a camera. Raises Fault."""
    secure = _unverified() if address.kind is ProbeKind.HTTPS else None
    try:
        reader, writer = await asyncio.open_connection(
            checked,
            address.port,
            limit=LONGEST_HEAD,
            ssl=secure,
            server_hostname=address.host if secure else None,
        )
    except ssl.SSLError:
        raise Fault(Reason.TLS) from None
    except (ConnectionRefusedError, ConnectionResetError):
        raise Fault(Reason.REFUSED) from None
    except TimeoutError:
        raise
    except OSError:
        raise Fault(Reason.UNREACHABLE) from None
    try:
        yield _Stream(reader, writer)
    except ssl.SSLError:
        raise Fault(Reason.TLS) from None
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        raise Fault(Reason.CLOSED) from None
    finally:
        # Not closed politely: a camera that hangs would make the probe wait for it.
        writer.transport.abort()


@dataclass(frozen=True)
class Answer:
    """The head of an RTSP or HTTP answer, and its body where one was asked for."""

    status: int
    headers: Mapping[str, Sequence[str]]
    body: bytes = b""

    def one(self, name: str) -> str:
        """Return a header's first value, '' when it is not there."""
        return next(iter(self.headers.get(name, ())), "")


async def _head(stream: _Stream, protocol: str) -> Answer:
    """Read the head of an answer. Raises Fault."""
    try:
        raw = await stream.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise Fault(Reason.BAD_ANSWER if error.partial else Reason.CLOSED) from None
    except asyncio.LimitOverrunError:
        raise Fault(Reason.TOO_LONG) from None
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith(f"{protocol}/"):
        raise Fault(Reason.BAD_ANSWER)
    if not (len(words[1]) == 3 and words[1].isascii() and words[1].isdigit()):
        raise Fault(Reason.BAD_ANSWER)
    if len(lines) > MOST_HEADERS:
        raise Fault(Reason.TOO_LONG)
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Fault(Reason.BAD_ANSWER)
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Answer(int(words[1]), headers)


async def _body(stream: _Stream, head: Answer) -> bytes:
    """Read the body that an RTSP answer announces. Raises Fault."""
    words = head.one("content-length") or "0"
    if not (words.isascii() and words.isdigit() and len(words) < 20):
        raise Fault(Reason.BAD_ANSWER)
    length = int(words)
    if length > LONGEST_BODY:
        raise Fault(Reason.TOO_LONG)
    try:
        return await stream.reader.readexactly(length)
    except asyncio.IncompleteReadError:
        raise Fault(Reason.BAD_ANSWER) from None


def _check_status(status: int) -> None:
    """Raise Fault unless the status says that all is well."""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Fault(Reason.REDIRECTED)
    if status == 403:
        raise Fault(Reason.FORBIDDEN)
    if status in {404, 410, 454, 455, 461}:
        raise Fault(Reason.NO_STREAM)
    raise Fault(Reason.SERVER_ERROR if status >= 500 else Reason.BAD_ANSWER)


def _authorise(address: CameraAddress, answer: Answer, method: str, uri: str) -> str:
    """Return the header that answers a 401. Raises Fault."""
    if not address.username:
        raise Fault(Reason.NEEDS_PASSWORD)
    challenge = challenges.best(
        challenges.read_challenges(answer.headers.get("www-authenticate", ()))
    )
    if challenge is None:
        raise Fault(Reason.BAD_ANSWER)
    return challenges.answer(challenge, method, uri, address.username, address.password)


def _is_stale(answer: Answer) -> bool:
    found = challenges.read_challenges(answer.headers.get("www-authenticate", ()))
    return any(one.is_stale for one in found)


# ---------------------------------------------------------------------------------------------
# Protocols


async def _ask_rtsp(address: CameraAddress, checked: str) -> None:
    """Ask what the server can do, then for a description of the stream. Raises Fault."""
    uri = f"rtsp://{address.host_port}{address.path or '/'}"
    async with _connection(address, checked) as stream:
        sequence = 0

        async def ask(method: str, authorization: str) -> Answer:
            nonlocal sequence
            sequence += 1
            lines = [
                f"{method} {uri} RTSP/1.0",
                f"CSeq: {sequence}",
                f"User-Agent: {AGENT}",
                *(["Accept: application/sdp"] if method == "DESCRIBE" else []),
                *([f"Authorization: {authorization}"] if authorization else []),
            ]
            stream.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            await stream.writer.drain()
            head = await _head(stream, "RTSP")
            if head.one("cseq") != str(sequence):
                raise Fault(Reason.BAD_ANSWER)
            return Answer(head.status, head.headers, await _body(stream, head))

        options = await ask("OPTIONS", "")
        # Some ask for the password already here; the description settles it.
        if options.status != 401:
            _check_status(options.status)
        answer = await _with_password(address, uri, "DESCRIBE", ask)
        if not any(line.startswith(b"m=") for line in answer.body.splitlines()):
            raise Fault(Reason.NO_STREAM)


async def _with_password(
    address: CameraAddress, uri: str, method: str, ask: Callable[[str, str], Awaitable[Answer]]
) -> Answer:
    """Ask, and once more with the password when the server wants it. Raises Fault."""
    answer = await ask(method, "")
    if answer.status == 401:
        answer = await ask(method, _authorise(address, answer, method, uri))
        if answer.status == 401 and _is_stale(answer):
            answer = await ask(method, _authorise(address, answer, method, uri))
        if answer.status == 401:
            raise Fault(Reason.WRONG_PASSWORD)
    _check_status(answer.status)
    return answer


async def _ask_http(address: CameraAddress, checked: str) -> None:
    """Ask for the head of a page; servers that know no HEAD are sent a GET. Raises Fault."""
    uri = address.path if address.path.startswith("/") else f"/{address.path}"

    async def ask(method: str, authorization: str) -> Answer:
        lines = [
            f"{method} {uri} HTTP/1.1",
            f"Host: {address.host_port}",
            f"User-Agent: {AGENT}",
            "Accept: */*",
            "Connection: close",
            *([f"Authorization: {authorization}"] if authorization else []),
        ]
        async with _connection(address, checked) as stream:
            stream.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            await stream.writer.drain()
            return await _head(stream, "HTTP")

    try:
        await _with_password(address, uri, "HEAD", ask)
    except Fault as fault:
        if fault.reason not in {Reason.BAD_ANSWER, Reason.SERVER_ERROR, Reason.CLOSED}:
            raise
        await _with_password(address, uri, "GET", ask)


async def ask_all(prober: Prober, targets: Sequence[Target]) -> list[Outcome]:
    """Ask all targets once and return what came of it."""
    return [outcome async for outcome in prober.round(targets)]
