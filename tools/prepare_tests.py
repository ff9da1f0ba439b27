"""See to it that the programs which the tests need are there, or say what is missing.

    python -m tools.prepare_tests

On Debian, and for all but the browser on Ubuntu, root installs them from the system's packages.
Anyone else gets one line to type. On other systems TRACKER_TEST_BROWSER and TEST_DATABASE_URL
name a browser and a server; GStreamer's RTSP server has to come from the system's own packages.
Returns 0 when all is there.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import browser, rtsp
from tracker.testing import postgres


@dataclass(frozen=True)
class Need:
    """A program that tests need: what it is, its packages here, and what to do instead."""

    name: str
    packages: tuple[str, ...]
    otherwise: str


def missing(system: str) -> list[Need]:
    """Return what the tests need and this machine lacks; `system` is os-release's ID."""
    # Ubuntu's package of Chromium only fetches a snap, which needs a service of its own.
    chromium = browser.PACKAGES if system == "debian" else ()
    server = ("postgresql",) if system in {"debian", "ubuntu"} else ()
    driver = browser.DRIVER_PACKAGES if system in {"debian", "ubuntu"} else ()
    cameras = rtsp.PACKAGES if system in {"debian", "ubuntu"} else ()
    processes = ("procps",) if system in {"debian", "ubuntu"} else ()
    needs = []
    if browser.find_browser() is None:
        otherwise = "install Google Chrome, or set TRACKER_TEST_BROWSER=/path/to/chrome"
        needs.append(Need("Chromium", chromium, otherwise))
    if not browser.can_drive():
        otherwise = "install what `.venv/bin/playwright --version` names"
        needs.append(Need("A library of Playwright's driver", driver, otherwise))
    if not os.environ.get("TEST_DATABASE_URL") and postgres.find_programs() is None:
        url = "set TEST_DATABASE_URL=postgresql+psycopg://USER@HOST/DATABASE"
        needs.append(Need("PostgreSQL's programs", server, url))
    if rtsp.find_server() is None:
        otherwise = "install GStreamer's RTSP server and its Python bindings for /usr/bin/python3"
        needs.append(Need("GStreamer's RTSP server", cameras, otherwise))
    if shutil.which("ps") is None:
        needs.append(Need("ps", processes, "install procps"))
    return needs


def quicker(system: str) -> set[str]:
    """Return packages that the tests can do without, but take longer."""
    has_choice = system == "debian" and not os.environ.get("TRACKER_TEST_BROWSER")
    return {browser.HEADLESS} if has_choice and not shutil.which(browser.HEADLESS) else set()


@contextmanager
def no_cluster() -> Iterator[None]:
    """Keep Debian's package from making and starting a server of its own while it is installed."""
    folder = Path("/etc/postgresql-common/createcluster.d")
    file = folder / "tracker-tests.conf"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        file.unlink()


def install(packages: list[str]) -> None:
    """Install packages of Debian or Ubuntu as root. Raises CalledProcessError."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    line = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    print("Installing for the tests:", *packages, flush=True)
    with no_cluster():
        for command in (["apt-get", "update", "--quiet"], line):
            subprocess.run(
                [*command, "-qq"],
                check=True,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )


def system_id() -> str:
    """Return 'debian', 'ubuntu' or another os-release ID; '' where there is none."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""


def main() -> int:
    """Install or complain; return the exit code."""
    system = system_id()
    needs = missing(system)
    packages = {package for need in needs for package in need.packages}
    packages |= quicker(system)
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            install(sorted(packages))
        except subprocess.CalledProcessError as error:
            print(f"prepare tests: {error}", file=sys.stderr)
        needs = missing(system)
    for need in needs:
        print(f"prepare tests: {need.name} missing: {need.otherwise}", file=sys.stderr)
    packages = {package for need in needs for package in need.packages}
    if packages:
        line = f"apt-get install --no-install-recommends {' '.join(sorted(packages))}"
        print(f"From the system's packages: sudo sh -c 'apt-get update && {line}'", file=sys.stderr)
    return 1 if needs else 0


if __name__ == "__main__":
    sys.exit(main())
