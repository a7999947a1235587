"""Write the class docstrings of BPClassifier and BPRegressor: python docs/docstrings.py

Both come from docstrings.txt, which says how to read it. They are written into the code
in full, so that help(), Sphinx and editors, which do not run the code, show all of it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import fill, indent

ROOT = Path(__file__).parent.parent
SOURCE = Path(__file__).with_suffix(".txt")
#: The files and their classes, by the letter that marks a class's lines.
CLASSES = {
    "C": (ROOT / "skbp" / "classifier.py", "BPClassifier"),
    "R": (ROOT / "skbp" / "regressor.py", "BPRegressor"),
}
WIDTH, MARGIN = 88, 4
#: What stays in one line: code, and an operator with what stands beside it.
UNBROKEN = re.compile(r"`+[^`]+`+| [-+*/<>=]{1,2} ")
#: The sections without paragraphs.
AS_THEY_ARE = ("See Also", "References", "Examples")


def selected(source: str, letter: str) -> tuple[str, dict[str, list[str]]]:
    """Return the text of a class, and the names of its parameters by group."""
    lines: list[str] = []
    groups: dict[str, list[str]] = {}
    for line in source.splitlines():
        mark, text = line[:MARGIN].strip(), line[MARGIN:]
        if mark.startswith("#") or (mark and mark[0] in CLASSES and mark[0] != letter):
            continue
        if mark.endswith("=="):
            groups[text] = []
            continue
        lines.append(text)
        entry = re.match(r"(\w+) : ", text)
        if entry and groups and "Attributes" not in lines:
            [*groups.values()][-1].append(entry[1])
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), groups


def table(groups: dict[str, list[str]]) -> str:
    """Return the names of the parameters, a group in each line, for a literal block."""
    column = max(map(len, groups)) + 2
    rows = [
        fill(
            group.ljust(column) + ", ".join(names),
            WIDTH - 2 * MARGIN,
            subsequent_indent=" " * column,
        )
        for group, names in groups.items()
    ]
    return indent("\n".join(rows), " " * MARGIN)


def filled(text: str) -> str:
    """Return paragraphs, without a blank line between them, with their lines filled.

    A paragraph has the same indentation throughout; an item of a list is a paragraph.
    """
    paragraphs: list[list[str]] = []
    column = -1
    for line in text.splitlines():
        words = line.lstrip()
        start, item = line.removesuffix(words), words.startswith("- ")
        if item or len(start) != column:
            paragraphs.append([start])
            column = len(start) + 2 * item
        paragraphs[-1].append(words)
    return "\n".join(
        fill(
            UNBROKEN.sub(lambda found: found[0].replace(" ", "\0"), " ".join(words)),
            WIDTH - MARGIN,
            initial_indent=start,
            subsequent_indent=start + "  " * words[0].startswith("- "),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for start, *words in paragraphs
    ).replace("\0", " ")


def docstring(source: str, letter: str) -> str:
    """Return the docstring of a class, as it is to stand in the code."""
    text, groups = selected(source, letter)
    chunks: list[str] = []
    section = ""
    for chunk in text.split("\n\n"):
        title, body = re.fullmatch(r"(.+\n-+\n)?(.*)", chunk, re.DOTALL).groups("")
        section = title.partition("\n")[0] or section
        if section in AS_THEY_ARE or (chunks and chunks[-1].endswith("::")):
            chunks.append(title + body.replace("    <groups>", table(groups)))
        else:
            chunks.append(title + filled(body))
    return indent('"""' + "\n\n".join(chunks) + '\n"""\n', " " * MARGIN)


def files() -> dict[Path, str]:
    """Return what the files with the classes should contain."""
    source, contents = SOURCE.read_text("utf-8"), {}
    for letter, (path, name) in CLASSES.items():
        code = path.read_text("utf-8")
        classes = {getattr(node, "name", ""): node for node in ast.parse(code).body}
        old = classes[name].body[0]
        lines = code.splitlines(keepends=True)
        lines[old.lineno - 1 : old.end_lineno] = [docstring(source, letter)]
        contents[path] = "".join(lines)
    return contents


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, "utf-8")
