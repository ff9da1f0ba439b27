"""What is installed from a wheel, far from the checkout, is whole and works."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).resolve().parents[2]
# Kinds of files that make up the product; each of them in these folders must travel.
CARRIED = {
    "tracker": "tracker",
    "templates": "tracker/templates",
    "migrations": "tracker/migrations",
}
IGNORED = {"README", ".gitignore"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a commit of the work tree would hold, and nothing that builds left in it."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


@pytest.fixture(scope="module")
def distributions(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution, and the wheel that was made from it alone."""
    out = tmp_path_factory.mktemp("dist")
    # What an earlier build in place leaves; a wheel made from it would carry deleted files on.
    left_over = checkout / "build" / "lib" / "tracker" / "deleted_long_ago.py"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with the wheel; its dependencies are this environment's."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python"]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", distributions[1]],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    # Path lines add no editable install: only the .pth files of a site folder itself are read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


def run(
    program: Path, *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of the new environment as a person elsewhere would."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_wheel_holds_every_file_of_the_product(
    checkout: Path, distributions: tuple[Path, Path]
) -> None:
    expected = {
        f"{target}/{path.relative_to(checkout / folder).as_posix()}"
        for folder, target in CARRIED.items()
        for path in (checkout / folder).rglob("*")
        if path.is_file() and path.stem not in IGNORED and path.name not in IGNORED
    }

    with zipfile.ZipFile(distributions[1]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert held == expected


def test_wheel_holds_nothing_but_the_tracker_package(distributions: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(distributions[1]) as wheel:
        top = {name.split("/")[0] for name in wheel.namelist()}
        licences = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]

    assert {re.sub(r"-.*", "", name) for name in top} == {"tracker"}
    assert len(licences) == 1


def test_sdist_names_the_same_version_as_the_wheel(distributions: tuple[Path, Path]) -> None:
    sdist, wheel = distributions
    with tarfile.open(sdist) as archive:
        top = archive.getnames()[0].split("/")[0]

    assert wheel.name.startswith(f"{top}-")


def test_installed_resources_are_the_wheels_own(installed: Path, tmp_path: Path) -> None:
    program = (
        "import tracker, tracker.app, tracker.core.migrate as m;"
        "from importlib.resources import files;"
        "print(tracker.__version__);"
        "print(tracker.__file__);"
        "print(tracker.app.templates_folder());"
        "print(m.migrations_folder());"
        "print(files('tracker').joinpath('static'));"
        "print(m.head_revision())"
    )

    done = run(installed / "python", "-W", "error", "-c", program, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    version, module, templates, migrations, static, head = done.stdout.splitlines()
    home = installed.parent
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    for path in (module, templates, migrations, static):
        assert Path(path).is_relative_to(home)
        assert Path(path).exists()
    assert (Path(templates) / "base.html").is_file()
    assert head != "None"


def test_installed_command_explains_itself(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "tracker", "--help", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    for command in ("init", "run", "demo", "backup", "restore", "doctor"):
        assert command in done.stdout


def test_installed_command_makes_a_real_instance(installed: Path, tmp_path: Path) -> None:
    instance = tmp_path / "instance"

    done = run(installed / "tracker", "init", cwd=tmp_path, TRACKER_INSTANCE=str(instance))

    assert done.returncode == 0, done.stderr
    assert re.search(r"https?://\S+", done.stdout), "the set-up link is printed"
    assert (instance / "tracker.db").is_file()


def test_installed_demo_loads_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    instance = tmp_path / "instance"

    loaded = run(installed / "tracker", "demo", cwd=tmp_path, TRACKER_INSTANCE=str(instance))
    listed = run(
        installed / "tracker",
        "plan",
        "list",
        "--json",
        cwd=tmp_path,
        TRACKER_INSTANCE=str(instance),
    )

    assert loaded.returncode == 0, loaded.stderr
    assert listed.returncode == 0, listed.stderr
    assert "vinh-chau-2021" in listed.stdout


def test_installed_command_writes_a_plugin(installed: Path, tmp_path: Path) -> None:
    """Authors have the product installed, not its checkout."""
    made = run(installed / "tracker", "plugin", "new", "so_tay", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "so_tay" / "tracker_so_tay" / "hooks.py").is_file()
    written = run(installed / "tracker", "plugin", "revision", "so_tay", "Nothing", cwd=tmp_path)
    assert "there is nothing to write" in written.stderr
