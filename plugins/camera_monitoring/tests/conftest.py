"""What the tests of this plug-in share: a real RTSP server, and servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from small_office import Office
from tracker_camera_monitoring import inputs, services

from tracker.api.work import run
from tracker.testing.world import World

hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")

SYSTEM_PYTHON = Path("/usr/bin/python3")
PACKAGES = "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good"
MISSING = (
    "Tests of probes need GStreamer's RTSP server: "
    f"apt-get install --no-install-recommends {PACKAGES}"
)


@dataclass(frozen=True)
class RtspCameras:
    """Ports of three real RTSP servers on the loopback, each with a picture at /live."""

    open: int
    digest: int
    basic: int
    # As `rtsp_camera.py` has them.
    username: str = "admin"
    password: str = "mật khẩu 1"


@pytest.fixture
def office(world: World) -> Office:
    """Two communes with a one-stop desk each."""
    first = world.unit("UBND xã Hòa Đông")
    second = world.unit("UBND xã Lạc Hòa")
    opened_on = world.clock.today().replace(year=2025, month=1, day=2)
    desks = [
        run(
            services.save_desk,
            inputs.SaveDesk(unit_id=unit, name="Bộ phận Một cửa", opened_on=opened_on),
        )
        for unit in (first, second)
    ]
    return Office(world, first, second, *desks)


@pytest.fixture(scope="session")
def rtsp_cameras() -> Iterator[RtspCameras]:
    """GStreamer's RTSP server, run by the system's Python."""
    script = Path(__file__).with_name("rtsp_camera.py")
    if not SYSTEM_PYTHON.exists():
        pytest.fail(MISSING, pytrace=False)
    process = subprocess.Popen(
        [str(SYSTEM_PYTHON), "-I", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "GST_REGISTRY_FORK": "no"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        ports = process.stdout.readline().split()
        if len(ports) != 3:
            process.stdin.close()
            pytest.fail(f"{MISSING}\n{process.stderr.read()[-2000:]}", pytrace=False)
        yield RtspCameras(*map(int, ports))
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()
        process.stderr.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


Misbehave = Callable[[Talk], "contextlib.AbstractAsyncContextManager[int]"]


@pytest.fixture(scope="session")
def misbehaving() -> Misbehave:
    """A maker of servers on the loopback that treat each connection as `talk` says."""

    @contextlib.asynccontextmanager
    async def serving(talk: Talk) -> AsyncIterator[int]:
        talks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                # The prober hangs up when it has seen enough, and the test when it ends.
                pass
            finally:
                writer.transport.abort()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(serve(reader, writer))
            talks.add(task)

        server = await asyncio.start_server(begin, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks)
            await asyncio.sleep(0)

    return serving
