"""Wheels and bundles that are wrong in themselves, each with words of the message it must get."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.wheels import TinyPlugin, make_wheel, make_zip, unzip

TINY = TinyPlugin()


@dataclass(frozen=True)
class Evil:
    """A file to be handed in, and what the refusal has to say."""

    content: bytes
    says: str
    filename: str = TINY.filename


def with_files(added: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """Return the tiny wheel with more members than its RECORD knows."""
    return make_zip({**unzip(TINY.wheel()), **added}, modes)


def rebuilt(added: Mapping[str, bytes], **options: str) -> bytes:
    """Return the tiny wheel with more files, all of them in a RECORD that is right."""
    points = options.pop("entry_points", "[tracker.plugins]\ntiny = tracker_tiny.hooks\n")
    return make_wheel(
        "tracker-tiny", "1.0", {**TINY.sources(), **added}, entry_points=points, **options
    )


def path_upwards() -> Evil:
    return Evil(with_files({"../outside.py": b"x = 1"}), "đường dẫn không được phép")


def absolute_path() -> Evil:
    return Evil(with_files({"/etc/cron.d/evil": b"x"}), "đường dẫn không được phép")


def windows_path() -> Evil:
    return Evil(with_files({"C:\\evil.py": b"x"}), "đường dẫn không được phép")


def backslash_path() -> Evil:
    return Evil(with_files({"tracker_tiny\\..\\..\\evil.py": b"x"}), "đường dẫn không được phép")


def hidden_dots() -> Evil:
    return Evil(with_files({"tracker_tiny/./../../evil.py": b"x"}), "đường dẫn không được phép")


def symlink() -> Evil:
    name = "tracker_tiny/passwords"
    return Evil(with_files({name: b"/etc/passwd"}, {name: stat.S_IFLNK | 0o777}), "liên kết")


def device() -> Evil:
    name = "tracker_tiny/pipe"
    return Evil(with_files({name: b""}, {name: stat.S_IFIFO | 0o644}), "tệp đặc biệt")


def zip_bomb() -> Evil:
    return Evil(rebuilt({"tracker_tiny/big.txt": b"0" * (60 * 1024 * 1024)}), "bom nén")


def many_small_bombs() -> Evil:
    block = b"0" * (1024 * 1024)
    return Evil(rebuilt({f"tracker_tiny/{number}.txt": block for number in range(101)}), "bom nén")


def too_many_files() -> Evil:
    return Evil(
        with_files({f"tracker_tiny/{number}": b"" for number in range(5001)}), "quá nhiều tệp"
    )


def doubled_name() -> Evil:
    return Evil(with_files({"tracker_tiny/HOOKS.py": b"x = 1"}), "hai tệp cùng tên")


def file_that_is_a_folder_too() -> Evil:
    return Evil(with_files({"tracker_tiny/a": b"", "tracker_tiny/a/b": b""}), "hai tệp cùng tên")


def bundle_of_bombs() -> Evil:
    # Each is small enough by itself.
    block = b"0" * (1024 * 1024)
    names = [f"helper{number}" for number in range(3)]
    return _bundled(
        {
            f"{name}-1.0-py3-none-any.whl": make_wheel(
                name, "1.0", {f"{name}/{number}.txt": block for number in range(40)}
            )
            for name in names
        },
        "bom nén",
    )


def second_entry_point() -> Evil:
    points = "[tracker.plugins]\ntiny = tracker_tiny.hooks\nother = tracker_tiny.other\n"
    return Evil(rebuilt({}, entry_points=points), "đúng một điểm vào")


def entry_point_of_another_kind() -> Evil:
    points = "[tracker.plugins]\ntiny = tracker_tiny.hooks\n[pytest11]\nevil = tracker_tiny.evil\n"
    return Evil(rebuilt({}, entry_points=points), "đúng một điểm vào")


def entry_point_elsewhere() -> Evil:
    points = "[tracker.plugins]\ntiny = os.path\n"
    return Evil(rebuilt({}, entry_points=points), "Điểm vào phải trỏ tới")


def no_entry_point() -> Evil:
    return Evil(rebuilt({}, entry_points=""), "đúng một điểm vào")


def files_of_another_plugin() -> Evil:
    return Evil(rebuilt({"tracker_camera_monitoring/hooks.py": b"x = 1"}), "ngoài phần của nó")


def files_of_the_core() -> Evil:
    return Evil(rebuilt({"tracker/app.py": b"x = 1"}), "ngoài phần của nó")


def path_file() -> Evil:
    return Evil(rebuilt({"evil.pth": b"import os"}), "ngoài phần của nó")


def data_folder() -> Evil:
    return Evil(rebuilt({"tracker_tiny-1.0.data/scripts/sh": b"x"}), ".data")


def byte_changed_inside() -> Evil:
    files = unzip(TINY.wheel())
    files["tracker_tiny/hooks.py"] += b"#"
    return Evil(make_zip(files), "không khớp với danh sách băm")


def file_left_out() -> Evil:
    files = unzip(TINY.wheel())
    del files["tracker_tiny/hooks.py"]
    return Evil(make_zip(files), "thiếu tệp")


def name_not_its_own() -> Evil:
    sources = {
        path: content.replace(b'name = "tiny"', b'name = "second"')
        .replace(b'address = "tiny"', b'address = "second"')
        .replace(b"plugin_tiny__", b"plugin_second__")
        .replace(b'"tiny.', b'"second.')
        for path, content in TINY.sources().items()
    }
    return Evil(
        make_wheel(
            "tracker-tiny",
            "1.0",
            sources,
            entry_points="[tracker.plugins]\ntiny = tracker_tiny.hooks\n",
        ),
        "Tên không khớp",
    )


def distribution_of_another_name() -> Evil:
    content = make_wheel(
        "tracker-tiny",
        "1.0",
        TINY.sources(),
        entry_points="[tracker.plugins]\ntiny = tracker_tiny.hooks\n",
        metadata="Metadata-Version: 2.1\nName: flask\nVersion: 3.1\n",
    )
    return Evil(content, "khác với tên tệp")


def version_not_its_own() -> Evil:
    sources = {
        path: content.replace(b'version = "1.0"', b'version = "2.0"')
        for path, content in TINY.sources().items()
    }
    return Evil(
        make_wheel(
            "tracker-tiny",
            "1.0",
            sources,
            entry_points="[tracker.plugins]\ntiny = tracker_tiny.hooks\n",
        ),
        "phiên bản",
    )


def no_declaration() -> Evil:
    sources = TINY.sources()
    del sources["tracker_tiny/plugin.toml"]
    return Evil(
        make_wheel(
            "tracker-tiny",
            "1.0",
            sources,
            entry_points="[tracker.plugins]\ntiny = tracker_tiny.hooks\n",
        ),
        "không có bản khai",
    )


def library_by_address() -> Evil:
    content = TINY.but(requires=("evil @ https://example.org/evil.whl",)).wheel()
    return Evil(content, "từ một địa chỉ")


def not_a_zip() -> Evil:
    return Evil(b"MZ" + b"\0" * 2000, "không phải tệp nén")


def cut_short() -> Evil:
    return Evil(TINY.wheel()[:-40], "không phải tệp nén")


def not_a_wheel() -> Evil:
    return Evil(TINY.wheel(), "không phải gói mô-đun", "tiny.exe")


def name_with_a_path() -> Evil:
    return Evil(TINY.wheel(), "Tên tệp", "../../" + "%00" + TINY.filename)


def library_named_like_the_core() -> Evil:
    library = make_wheel("helper", "1.0", {"tracker/core/work.py": b""})
    return _bundled({"helper-1.0-py3-none-any.whl": library}, "che mất")


def library_that_is_a_plugin() -> Evil:
    other = TinyPlugin(name="second")
    return _bundled({other.filename: other.wheel()}, "lại là một mô-đun khác")


def _bundled(libraries: Mapping[str, bytes], says: str) -> Evil:
    wheels = {TINY.filename: TINY.wheel(), **libraries}
    told = {
        "format": 1,
        "plugin": TINY.filename,
        "wheels": {name: hashlib.sha256(one).hexdigest() for name, one in wheels.items()},
    }
    return Evil(
        make_zip(
            {
                "bundle.json": json.dumps(told).encode(),
                **{f"wheels/{name}": one for name, one in wheels.items()},
            }
        ),
        says,
        "tiny-1.0.bundle.zip",
    )


ARCHIVES: tuple[Callable[[], Evil], ...] = (
    path_upwards,
    absolute_path,
    windows_path,
    backslash_path,
    hidden_dots,
    symlink,
    device,
    zip_bomb,
    many_small_bombs,
    too_many_files,
    doubled_name,
    file_that_is_a_folder_too,
    bundle_of_bombs,
    second_entry_point,
    entry_point_of_another_kind,
    entry_point_elsewhere,
    no_entry_point,
    files_of_another_plugin,
    files_of_the_core,
    path_file,
    data_folder,
    byte_changed_inside,
    file_left_out,
    name_not_its_own,
    distribution_of_another_name,
    version_not_its_own,
    no_declaration,
    library_by_address,
    not_a_zip,
    cut_short,
    not_a_wheel,
    name_with_a_path,
    library_named_like_the_core,
    library_that_is_a_plugin,
)
