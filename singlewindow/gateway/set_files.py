"""The files of a message set that anybody may take: those below its folder, one by one or as a ZIP archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP archive can say: its bytes depend on names and contents alone."""


def list_files(folder: Path) -> Iterator[str]:
    """Every file of a set by its path below the folder; hidden ones and links out of it are not offered."""
    home = folder.resolve()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith((".", "__")) for part in relative.parts):
            continue
        if path.is_file() and path.resolve().is_relative_to(home):
            yield relative.as_posix()


def read_file(folder: Path, wanted: str) -> bytes | None:
    """The content of one of the listed files, or None for any other path."""
    return (folder / wanted).read_bytes() if wanted in set(list_files(folder)) else None


def build_archive(folder: Path, name: str) -> bytes:
    """A ZIP archive of the listed files in a folder of this name; the same bytes for the same files."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in list_files(folder):
            entry = zipfile.ZipInfo(f"{name}/{path}", _FIRST_MOMENT)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(entry, (folder / path).read_bytes())
    return target.getvalue()
