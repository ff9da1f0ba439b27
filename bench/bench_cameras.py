"""7,600 cameras, each asked every five minutes by one job process: how much of a core is that?

A server process stands in for the cameras: it answers OPTIONS and DESCRIBE over RTSP, with digest
authentication. The round goes over real connections on the loopback, and what it says is written to
SQLite as the job writes it. A steady round changes nothing; in the other one camera in a hundred
stops or comes back.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import sys
import tempfile
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from table import show

if TYPE_CHECKING:
    from tracker.testing.world import World

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins" / "camera_monitoring")]

CAMERAS = 7_600
EVERY_SECONDS = 300
GOAL = 10.0
PORTS = 40
SDP = b"v=0\r\ns=Camera\r\nm=video 0 RTP/AVP 96\r\n"


async def camera(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection as a camera does; a path that begins with /gone hangs up."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            sequence = next(line for line in lines if line.startswith("CSeq"))
            if "/gone" in lines[0]:
                break
            if lines[0].startswith("OPTIONS"):
                answer, body = f"RTSP/1.0 200 OK\r\n{sequence}\r\nPublic: DESCRIBE\r\n\r\n", b""
            elif "Authorization: Digest" in head:
                answer = f"RTSP/1.0 200 OK\r\n{sequence}\r\nContent-Length: {len(SDP)}\r\n\r\n"
                body = SDP
            else:
                way = 'WWW-Authenticate: Digest realm="cam", nonce="a1b2c3d4"'
                answer, body = f"RTSP/1.0 401 Unauthorized\r\n{sequence}\r\n{way}\r\n\r\n", b""
            writer.write(answer.encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.transport.abort()


def serve(told: Connection) -> None:
    """Be the cameras, on several ports so that none runs out of connections."""

    async def main() -> None:
        servers = [
            await asyncio.start_server(camera, "127.0.0.1", 0, backlog=1024) for _ in range(PORTS)
        ]
        told.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(main())


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=CAMERAS)
    parser.add_argument(
        "--quick", action="store_true", help="rounds at ten times the pace, not spread over minutes"
    )
    given = parser.parse_args()
    told, tell = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(tell,), daemon=True)
    process.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines = measure(Path(folder), told.recv(), given.cameras, given.quick)
    finally:
        process.terminate()
        process.join()
    show(("round", "cameras", "seconds", "CPU s", "% of a core", "changed", "goal %"), lines)
    print(
        f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )


def measure(folder: Path, ports: list[int], count: int, quick: bool) -> list[tuple[str, ...]]:
    """Return a line of the table for each round."""
    from tracker_camera_monitoring import health_queries, hooks, jobs
    from tracker_camera_monitoring.networks import read_networks
    from tracker_camera_monitoring.probing import Limits, Prober

    from tracker.api.queries import session
    from tracker.core import migrate
    from tracker.core.clock import SystemClock
    from tracker.testing.apps import make_settings, running_plugins
    from tracker.testing.world import World

    url = f"sqlite:///{folder / 'tracker.db'}"
    migrate.upgrade(url)
    package = ROOT / "plugins" / "camera_monitoring" / "tracker_camera_monitoring"
    migrate.upgrade(url, owner=migrate.Owner("camera_monitoring", package / "migrations"))
    lines = []
    with (
        running_plugins(
            make_settings(url, folder), SystemClock(), {"camera_monitoring": hooks}
        ) as app,
        app.app_context(),
    ):
        world = World(app, SystemClock())
        fill(world, ports, count)
        with world.as_system():
            for name, share in (("first", 0.0), ("steady", 0.0), ("1 % change", 0.01)):
                if share:
                    break_some(world, share)
                limits = Limits(
                    seconds=6.0,
                    a_second=max(jobs.SLOWEST, count / jobs.ROUND_SECONDS) * (10 if quick else 1),
                    tries=1,
                )
                used, began = time.process_time(), time.perf_counter()
                targets = health_queries.due_targets(world.clock.now() + timedelta(hours=1))
                session().rollback()
                prober = Prober(read_networks("127.0.0.0/8"), limits)
                asked, changed = jobs.ask_and_record(prober, targets)
                used = time.process_time() - used
                assert asked == count
                lines.append(
                    (
                        name,
                        str(asked),
                        f"{time.perf_counter() - began:.0f}",
                        f"{used:.1f}",
                        f"{used * 100 / EVERY_SECONDS:.1f}",
                        str(changed),
                        f"{GOAL:.0f}",
                    )
                )
    return lines


def fill(world: World, ports: list[int], count: int) -> None:
    """Put the cameras into the register, ten at a desk."""
    from tracker_camera_monitoring.addresses import ProbeKind
    from tracker_camera_monitoring.models import Camera, Desk

    from tracker.api.work import Work, run

    unit = world.province

    def service(work: Work, _data: None) -> None:
        desks = work.bulk_insert(
            Desk,
            [
                {"unit_id": unit, "name": f"Bàn {number}", "opened_on": work.today}
                for number in range(count // 10 + 1)
            ],
        )
        work.bulk_insert(
            Camera,
            [
                {
                    "desk_id": desks[number // 10],
                    "name": f"Camera {number}",
                    "probe_kind": ProbeKind.RTSP,
                    "host": "127.0.0.1",
                    "port": ports[number % len(ports)],
                    "path": f"/live/{number}",
                    "username": "admin",
                    "secret": "secret",
                }
                for number in range(count)
            ],
        )

    with world.as_system():
        run(service, None)


def break_some(world: World, share: float) -> None:
    """Let some cameras hang up from now on."""
    from sqlalchemy import select
    from tracker_camera_monitoring.models import Camera

    from tracker.api.work import Work, run

    chance = random.Random(1)

    def service(work: Work, _data: None) -> None:
        for camera_ in work.session.scalars(select(Camera)):
            if chance.random() < share:
                camera_.path = f"/gone/{camera_.id}"

    run(service, None)


if __name__ == "__main__":
    main()
