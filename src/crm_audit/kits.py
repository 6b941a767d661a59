"""Kits: what is installed into a CRM, copied out of this program to where an admin deploys it from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from crm_audit import __version__, shipped
from crm_audit.errors import FixConfig

MARK = ".crm-audit-kit"
"""Names the kit that a folder holds, and what each of its files was when it was written."""

LEFT = ("node_modules", ".local")
"""What a developer has lying in a checkout."""


def vendors() -> list[str]:
    """The CRMs that there is a kit for: more than a README to be followed by hand."""
    return sorted(path.name for path in shipped.crm_kits().iterdir() if path.is_dir() and any(path.glob("*.json")))


def export(vendor: str, folder: Path) -> int:
    """Write a CRM's kit into a folder and say how many files it has.

    FixConfig where the folder holds anything but an older kit of that CRM, or where somebody edited that one.
    """
    source = shipped.crm_kits() / vendor
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if _ships(path, source))
    old = _older(vendor, folder)
    for name in set(old) - set(names):
        (folder / name).unlink(missing_ok=True)  # what a newer kit does not have must not be deployed again
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((source / name).read_bytes())
    mark = {"vendor": vendor, "version": __version__, "files": {name: _digest(source / name) for name in names}}
    (folder / MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
    return len(names)


def _ships(path: Path, source: Path) -> bool:
    return path.is_file() and not any(part in path.relative_to(source).as_posix() for part in LEFT)


def _older(vendor: str, folder: Path) -> Mapping[str, str]:
    """The files of the kit that a folder holds, with their digests; none where it is empty or not there."""
    if folder.is_file():
        raise FixConfig(f"{folder} is a file; name a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return {}
    held, files = _mark(folder)
    if held != vendor:
        raise FixConfig(
            f"{folder} is not empty and holds no {vendor} kit; name an empty folder, or one that is not there"
        )
    edited = [name for name, digest in files.items() if _changed(folder / name, digest)]
    if edited:
        listed = ", ".join(sorted(edited)[:5])
        raise FixConfig(f"{folder}: edited since it was exported: {listed}; keep that folder, and name another")
    return files


def _mark(folder: Path) -> tuple[str | None, Mapping[str, str]]:
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
        files = {str(name): str(digest) for name, digest in mark["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}
    inside = all((folder / name).resolve().is_relative_to(folder.resolve()) for name in files)
    return (str(mark.get("vendor")), files) if inside else (None, {})


def _changed(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path) != digest


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
