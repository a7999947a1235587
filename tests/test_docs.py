"""The pages: links that lead somewhere, code that runs, plain words, short lines."""

import ast
import inspect
import re
import runpy
import sys
import tomllib
from doctest import DocTestParser
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: What sphinx makes.
BUILT = {"_build", "auto_examples", "generated"}
PAGES = [
    page.relative_to(ROOT)
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if not BUILT & set(page.parts)
]
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("skbp", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
#: Pages whose formulas and Chinese sentences cannot be broken anywhere.
LONG_LINES = {"derivation.md", "derivation_zh.md", "documents.md", "documents_zh.md"}
LONGEST = 120

#: Words that read as a contract or as a translation.
UNWANTED = re.compile(
    r"\b(lest|thereof|whereof|therein|heretofore|hereby|thereby|said to|is said by"
    r"|is told by|are told|goes on|go on|takes? the place of|in a part of the time"
    r"|lets? lambda set itself|sets itself|set themselves|what it has beyond|for ever"
    r"|by heart|anything any more|does not go with|processor's time|that of ours)\b",
    re.IGNORECASE,
)

public = runpy.run_path(str(DOCS / "_extensions" / "public_names.py"))
OBJECTS = public["public_objects"]()


@cache
def prose(path):
    """Return the lines of a page without code blocks, as (number, line)."""
    lines, fence = [], ""
    for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1):
        mark = re.match(r"\s*(`{3,})", line)
        if mark and not fence:
            fence = mark[1]
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            lines.append((number, line))
    return lines


@cache
def anchors(path):
    """Return the fragments that lead to the headings of a page."""
    found = set()
    for _, line in prose(path):
        if heading := re.match(r"#{1,3} (.+)", line):
            text = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", heading[1]).lower().strip()
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def links(path):
    """Return the links of a page within the repository, as (line, address)."""
    text = "\n".join(line for _, line in prose(path))
    # Neither code nor formulas, which have brackets of their own.
    text = re.sub(r"`[^`\n]*`|\$[^$\n]*\$", "", text)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    found += re.findall(r"^:link: (\S+)$", text, re.MULTILINE)
    return [one for one in found if not re.match(r"[a-z]+:", one)]


def target(page, address):
    """Return the file that a link of a page leads to."""
    place = (ROOT / page).parent / address if address else ROOT / page
    place = place.resolve()
    if "auto_examples" in place.parts:
        # The gallery, which is made of the examples.
        name = place.relative_to(DOCS / "auto_examples")
        if name.name == "index":
            return ROOT / "examples" / "GALLERY_HEADER.rst"
        return ROOT / "examples" / name.with_suffix(".py")
    # sphinx-design's cards name pages without their ending.
    return place if place.exists() else place.with_suffix(".md")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        address, _, fragment = link.partition("#")
        place = target(page, address)
        assert place.exists(), link
        if fragment and place.suffix == ".md":
            assert fragment in anchors(place.relative_to(ROOT)), link


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_line_of_prose_is_too_long(page):
    if page.name in LONG_LINES:
        return
    long = [
        number
        for number, line in prose(page)
        if len(line) > LONGEST and not line.startswith("|")
    ]
    assert not long


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=str)
def test_unwanted_words_do_not_come_back(path):
    text = (ROOT / path).read_text("utf-8")
    assert not [match[0] for match in UNWANTED.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_code_of_every_page_runs(page):
    text = (ROOT / page).read_text("utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    if DocTestParser().get_examples(text) and page.name != "ecosystem.md":
        # pytest runs the examples; tests/test_neighbours.py runs those of that page.
        assert any(page.is_relative_to(path) for path in run)
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        ast.parse(code)


@pytest.mark.parametrize("page", [p for p in PAGES if "guide" in p.parts], ids=str)
def test_pages_of_the_guide_print_values(page):
    """An example that prints nothing but True shows a reader little."""
    examples = DocTestParser().get_examples((ROOT / page).read_text("utf-8"))
    wanted = [example.want.strip() for example in examples if example.want]
    assert wanted.count("True") <= max(2, len(wanted) // 4)


def test_every_public_name_has_a_page():
    index = (DOCS / "api" / "index.md").read_text("utf-8")
    listed = re.findall(r"^   (\w+)$", index, re.MULTILINE)
    assert sorted(listed) == sorted(name.rpartition(".")[2] for name in OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_every_public_name_has_parameters_and_an_example(name):
    one = OBJECTS[name]
    text = inspect.getdoc(one)
    assert ">>>" in text
    if name.endswith("GradientCheck"):  # which users do not make themselves
        return
    assert undocumented(one, text) == set()


@pytest.mark.parametrize(
    ("name", "method"),
    [(name, m) for name, own in public["own_methods"]().items() for m in own],
)
def test_every_public_method_documents_its_parameters(name, method):
    function = getattr(OBJECTS[name], method)
    if function.__module__.startswith("sklearn"):
        return
    text = inspect.getdoc(function)
    assert undocumented(function, text) == set()
    assert "Returns\n-------" in text
    assert ">>>" in text or not name.startswith(("skbp.BPClass", "skbp.BPRegr"))


def undocumented(function, text):
    """Return the parameters of a function that its docstring does not name."""
    _, _, after = text.partition("Parameters\n----------\n")
    section = re.split(r"\n\n\w.*\n-+\n", after)[0]
    heads = [line for line in section.splitlines() if line and line[0] != " "]
    names = (re.findall(r"\w+", head.partition(" : ")[0]) for head in heads)
    documented = {name for found in names for name in found}
    parameters = set(inspect.signature(function).parameters) - {"self"}
    return parameters - documented


def test_the_figures_of_the_last_page_are_the_measured_ones():
    sys.path.insert(0, str(DOCS))
    try:
        guide = runpy.run_path(str(DOCS / "images" / "guide.py"))
    finally:
        sys.path.remove(str(DOCS))
    page = guide["PAGE"].read_text("utf-8")
    assert guide["filled"](page) == page
