"""The README: its links on a code host, and on a package index."""

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def for_index(monkeypatch):
    # hatchling is there only while a distribution is built.
    interface = SimpleNamespace(MetadataHookInterface=object)
    name = "hatchling.metadata.plugin.interface"
    parts = name.split(".")
    for i in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:i]), SimpleNamespace())
    monkeypatch.setitem(sys.modules, name, interface)
    return runpy.run_path(str(ROOT / "hatch_build.py"))["for_index"]


def links(text):
    """Return the targets of all links and pictures."""
    return re.findall(r"\]\(([^)]+)\)", text)


def test_links_become_absolute(for_index):
    text = "[a](docs/a.md#b), ![p\nq](docs/p.png), [c](https://c.org), [d](#d)"
    assert for_index(text, "https://host/us/skbp/") == (
        "[a](https://host/us/skbp/blob/main/docs/a.md#b), "
        "![p\nq](https://host/us/skbp/raw/main/docs/p.png), "
        "[c](https://c.org), [d](#d)"
    )
    found = links(for_index(README, "https://host/us/skbp"))
    assert len(found) == len(links(README))
    assert all(link.startswith(("https://", "#")) for link in found)


def test_without_an_address_there_are_no_dead_links(for_index):
    assert for_index("![p](p.png)[a](docs/a.md) [c](https://c.org)", None) == (
        "a [c](https://c.org)"
    )
    assert all(
        link.startswith(("https://", "#")) for link in links(for_index(README, None))
    )


def test_a_newcomer_finds_both_commands():
    for name in ("quickstart", "tests"):
        block = README.split(f"<!-- command: {name} -->\n")[1]
        assert block.startswith("```bash\n")
