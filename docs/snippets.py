"""Copy lines of the source into the pages that show them: python docs/snippets.py

A page names the lines in a comment, and everything up to the next comment is replaced::

    <!-- code: skbp/engine/network.py, Propagation.forward | first line | last line -->

    <!-- end of code -->

The name is a function or a class, which may stand within another one. The first and the
last line to show are given by a part of each; without them the whole object is shown.
So the pages show code wherever they are read, also where no program prepares them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent
PAGES = (
    ROOT / "docs" / "derivation.md",
    ROOT / "docs" / "derivation_zh.md",
    ROOT / "docs" / "documents.md",
    ROOT / "docs" / "documents_zh.md",
)
SNIPPET = re.compile(
    r"<!-- code: (?P<what>(?P<file>\S+), (?P<name>[\w.]+))"
    r"(?: \| (?P<first>.+?) \| (?P<last>.+?))? -->\n.*?<!-- end of code -->",
    re.DOTALL,
)


def lines_of(file: str, name: str) -> list[str]:
    """Return the lines of a function or class, ``Class.method`` for example."""
    source = (ROOT / file).read_text("utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        kinds = ast.ClassDef | ast.FunctionDef
        (node,) = (
            child
            for child in ast.walk(node)
            if isinstance(child, kinds) and child.name == part
        )
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return source.splitlines()[first - 1 : node.end_lineno]


def cut(lines: list[str], first: str, last: str) -> list[str]:
    """Return the lines from the first that contains ``first`` to ``last``."""
    start = next(i for i, line in enumerate(lines) if first in line)
    end = next(i for i, line in enumerate(lines) if i >= start and last in line)
    return lines[start : end + 1]


def snippet(found: re.Match[str]) -> str:
    """Return the comments with the lines of the source between them."""
    lines = lines_of(found["file"], found["name"])
    if found["first"]:
        lines = cut(lines, found["first"], found["last"])
    code = dedent("\n".join(lines))
    mark = found[0].partition("\n")[0]
    return (
        f"{mark}\n\n```python\n# {found['what']}\n{code}\n```\n\n<!-- end of code -->"
    )


def files() -> dict[Path, str]:
    """Return the pages as they should be."""
    return {path: SNIPPET.sub(snippet, path.read_text("utf-8")) for path in PAGES}


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, "utf-8")
