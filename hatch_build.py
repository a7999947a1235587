"""The package's description on an index: the README, with links that work there.

Links in the README are relative to the repository, so that they work on any code host.
An index shows the text alone, and needs absolute links. They are made from "Source" in
[project.urls]; without such an address they become plain text.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: ![text](path) or [text](path), without links to other hosts and to headings.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\n)*)\]\((?!https?:|#)([^()\s]+)\)")


def for_index(readme: str, source: str | None) -> str:
    """Return the README with absolute links to the repository at ``source``."""

    def absolute(link: re.Match[str]) -> str:
        image, text, path = link.groups()
        if source is None:
            return "" if image else text
        # Code hosts know both of these addresses.
        kind = "raw" if image else "blob"
        return f"{image}[{text}]({source.rstrip('/')}/{kind}/main/{path})"

    return LINK.sub(absolute, readme)


class CustomMetadataHook(MetadataHookInterface):
    """Sets the package's description when a distribution is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to the metadata."""
        readme = Path(self.root, "README.md").read_text("utf-8")
        text = for_index(readme, metadata.get("urls", {}).get("Source"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
