"""What the tests need is installed, or named; nothing is left out in silence."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import browser, rtsp
from tools import prepare_tests as setup
from tracker.testing import postgres

# What Debian and Ubuntu both have as packages.
SERVERS = {"libatomic1", "postgresql", "procps", *rtsp.PACKAGES}


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without browser, its driver, PostgreSQL, RTSP server, ps, and the variables."""
    monkeypatch.setattr(setup.shutil, "which", lambda _name: None)
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    monkeypatch.setattr(browser, "can_drive", lambda: False)
    monkeypatch.setattr(postgres, "find_programs", lambda: None)
    monkeypatch.setattr(rtsp, "find_server", lambda: None)
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Packages that would have been installed."""
    calls: list[list[str]] = []
    monkeypatch.setattr(setup, "install", calls.append)
    return calls


@pytest.mark.parametrize(
    ("system", "packages"),
    [
        ("debian", {"chromium", "fonts-dejavu-core", *SERVERS}),
        ("ubuntu", SERVERS),
        ("fedora", set()),
        ("", set()),
    ],
)
@pytest.mark.usefixtures("nothing_there")
def test_missing_names_the_packages_of_the_system(system: str, packages: set[str]) -> None:
    needs = setup.missing(system)

    assert [need.name for need in needs] == [
        "Chromium",
        "A library of Playwright's driver",
        "PostgreSQL's programs",
        "GStreamer's RTSP server",
        "ps",
    ]
    assert {package for need in needs for package in need.packages} == packages


@pytest.mark.usefixtures("nothing_there")
def test_missing_server_named_by_variable_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql+psycopg://someone@localhost/postgres")

    assert [need.name for need in setup.missing("debian")] == [
        "Chromium",
        "A library of Playwright's driver",
        "GStreamer's RTSP server",
        "ps",
    ]


@pytest.mark.usefixtures("nothing_there")
def test_main_not_root_prints_the_line_and_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: list[list[str]],
) -> None:
    monkeypatch.setattr(setup, "system_id", lambda: "debian")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)

    assert setup.main() == 1

    said = capsys.readouterr().err
    assert installed == []
    packages = ["chromium", "fonts-dejavu-core", *SERVERS]
    line = "apt-get update && apt-get install --no-install-recommends"
    assert f"sudo sh -c '{line} {' '.join(sorted(packages))}'\n" in said
    assert "TRACKER_TEST_BROWSER=" in said
    assert "TEST_DATABASE_URL=" in said


@pytest.mark.usefixtures("nothing_there")
def test_main_other_system_names_the_variables_and_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: list[list[str]],
) -> None:
    monkeypatch.setattr(setup, "system_id", lambda: "fedora")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)

    assert setup.main() == 1

    said = capsys.readouterr().err
    assert installed == []
    assert "apt-get" not in said
    assert "TRACKER_TEST_BROWSER=" in said


@pytest.mark.usefixtures("nothing_there")
def test_main_root_on_debian_installs_and_looks_again(
    monkeypatch: pytest.MonkeyPatch, installed: list[list[str]]
) -> None:
    monkeypatch.setattr(setup, "system_id", lambda: "debian")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")

    # The browser is there after the installation, the server is not.
    def install(packages: list[str]) -> None:
        installed.append(packages)
        monkeypatch.setattr(browser, "find_browser", lambda: "/usr/bin/chromium")

    monkeypatch.setattr(setup, "install", install)

    assert setup.main() == 1
    packages = ["chromium", "fonts-dejavu-core", "libatomic1", "postgresql", *rtsp.PACKAGES]
    assert installed == [sorted(packages)]


def test_main_root_on_debian_installs_what_makes_tests_quicker(
    monkeypatch: pytest.MonkeyPatch, installed: list[list[str]]
) -> None:
    monkeypatch.setattr(setup, "system_id", lambda: "debian")
    monkeypatch.setattr(setup, "missing", lambda _system: [])
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        setup.shutil, "which", lambda name: None if name == browser.HEADLESS else f"/bin/{name}"
    )
    monkeypatch.delenv("TRACKER_TEST_BROWSER", raising=False)

    assert setup.main() == 0
    assert installed == [["chromium-headless-shell"]]


@pytest.mark.usefixtures("nothing_there")
def test_main_failed_installation_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(packages: list[str]) -> None:
        raise subprocess.CalledProcessError(100, ["apt-get", *packages])

    monkeypatch.setattr(setup, "system_id", lambda: "debian")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(setup, "install", install)

    assert setup.main() == 1
    assert "exit status 100" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "starts"), [(0, True), (127, False)])
def test_can_drive_asks_the_program_itself(
    monkeypatch: pytest.MonkeyPatch, code: int, starts: bool
) -> None:
    """A missing shared library shows only when the program is started (exit code 127)."""
    asked: list[list[str]] = []

    def run(command: list[str], **_rest: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(browser.subprocess, "run", run)

    assert browser.can_drive() is starts
    assert asked == [[sys.executable, "-m", "playwright", "--version"]]


def test_find_browser_named_one_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER_TEST_BROWSER", "/opt/chrome/chrome")

    assert browser.find_browser() == "/opt/chrome/chrome"


def test_find_browser_script_that_asks_for_a_snap_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub = tmp_path / "chromium-browser"
    stub.write_text('#!/bin/sh\necho "Please install: snap install chromium" >&2\nexit 1\n')
    stub.chmod(0o755)
    monkeypatch.delenv("TRACKER_TEST_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert browser.find_browser() is None


def test_find_programs_looks_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(postgres, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert postgres.find_programs() == tmp_path


def test_find_programs_newest_version_of_debian_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version in ("9", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        (folder / "initdb").touch()
        if version != "17":  # its client programs alone
            (folder / "postgres").touch()
    monkeypatch.setattr(postgres, "DEBIAN_FOLDER", tmp_path)

    assert postgres.find_programs() == tmp_path / "15" / "bin"
