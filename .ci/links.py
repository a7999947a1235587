"""Fail if a page of the built documentation links to nothing, or loads from elsewhere.

    python .ci/links.py docs/_build

Every link within the site has to lead to a file and, if it has a fragment, to an id on
that page. Scripts, styles, fonts and pictures must be files of the site.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: The attributes whose addresses are loaded with a page, by tag.
LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src"}


class Page(HTMLParser):
    """The ids and addresses of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found.get("id", ""), found.get("name", "")}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and "stylesheet" in found.get("rel", ""):
            self.loaded.append(found["href"])
        if found.get(LOADED.get(tag, "")):
            self.loaded.append(found[LOADED[tag]].split()[0])


@cache
def page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def fault(source: Path, address: str, root: Path) -> str:
    """Return what is wrong with an address on a page, or nothing."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    target = source if not parts.path else source.parent / unquote(parts.path)
    target = target.resolve()
    if not target.is_file():
        return "no such file"
    if not target.is_relative_to(root):
        return "outside the site"
    # (What follows ":~:" is text to mark on the page.)
    fragment = parts.fragment.partition(":~:")[0]
    looked_up = fragment and target.suffix == ".html"
    if looked_up and unquote(fragment) not in page(target).ids:
        return "no such id"
    return ""


def faults(root: Path) -> list[str]:
    """Return a line for each fault of the site."""
    found = []
    pages = [p for p in sorted(root.rglob("*.html")) if "_static" not in p.parts]
    for source in pages:
        content, name = page(source), source.relative_to(root)
        reasons = {
            address: fault(source, address, root)
            for address in content.links + content.loaded
        }
        reasons |= {
            address: "loaded from another host"
            for address in content.loaded
            if urlsplit(address).netloc
        }
        found += [f"{name}: {a}: {reason}" for a, reason in reasons.items() if reason]
    print(f"{len(pages)} pages, {len(found)} faults")
    return found


if __name__ == "__main__":
    lines = faults(Path(sys.argv[1]).resolve())
    print("\n".join(lines))
    sys.exit(bool(lines))
