"""Links to the documentation of other projects, from docs/references.txt.

intersphinx reads an inventory of names, which it usually downloads. Here the few names
that our pages mention are listed in references.txt, so that building the pages needs no
network. A name that is not in the list is a warning, which fails the build.

In references.txt a line that is not indented begins a project: its name, and the
address of its documentation. An indented line has a role, the place of a page below the
address, and the names that are documented there; "$" in the place stands for the name.
"""

from __future__ import annotations

import zlib
from pathlib import Path

HEADER = """# Sphinx inventory version 2
# Project: {}
# Version:
# The remainder of this file is compressed using zlib.
"""


def read(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Return address and lines of the inventory, by project."""
    projects: dict[str, tuple[str, list[str]]] = {}
    for line in path.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        first, second, *names = line.split()
        if not line.startswith(" "):
            project = first
            projects[project] = (second, [])
            continue
        role, place = first, second
        for name in names:
            target = place.replace("$", name)
            projects[project][1].append(f"{name} {role} 1 {target} -")
    return projects


def intersphinx_mapping(path: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """Write the inventories into a folder; return what intersphinx wants to know."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (address, lines) in read(path).items():
        inventory = folder / f"{project}.inv"
        text = "\n".join(lines) + "\n"
        inventory.write_bytes(
            HEADER.format(project).encode() + zlib.compress(text.encode())
        )
        mapping[project] = (address, str(inventory))
    return mapping
