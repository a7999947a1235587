"""The pages of the derivation and of the documents, which doctests run as well.

The two languages of a page have the same equations and code, the code is that of the
source, and formulas and code show where Markdown is read without Sphinx.
"""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SNIPPETS = runpy.run_path(str(DOCS / "snippets.py"))
PAGES = ["derivation", "documents"]
LANGUAGES = ["", "_zh"]

#: A fenced block: the indentation, the language, and the content.
FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
FORMULA = re.compile(r"\$([^$]+)\$")


def page(name):
    return (DOCS / f"{name}.md").read_text("utf-8")


def sections(text):
    """Return the sections of a page, of the second and third level of headings."""
    fences = {}

    def keep(found):
        fences[key := f"\0{len(fences)}\0"] = found[0]
        return key

    hidden = FENCE.sub(keep, text)
    parts = re.split(r"^#{2,3} ", hidden, flags=re.MULTILINE)
    return [re.sub(r"\0\d+\0", lambda key: fences[key[0]], part) for part in parts]


def prose(text):
    """Return a text without blocks, comments and code."""
    return CODE.sub("`code`", COMMENT.sub("", FENCE.sub("", text)))


every_page = pytest.mark.parametrize(
    "name", [name + language for name in PAGES for language in LANGUAGES]
)


def test_the_code_in_the_pages_is_that_of_the_source():
    for path, content in SNIPPETS["files"]().items():
        assert path.read_text("utf-8") == content, "run `python docs/snippets.py`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_equation_stands_where_the_table_says(language):
    _, _, table = page(f"derivation{language}").partition("<!-- equations -->")
    rows = re.findall(r"^\| .+ \| `(\S+)`, `(\S+)` \| `(.+)` \|$", table, re.MULTILINE)
    assert len(rows) == table.count("\n|") - 2 > 10
    for file, name, line in rows:
        assert line in "\n".join(SNIPPETS["lines_of"](file, name)), (name, line)


@pytest.mark.parametrize("name", PAGES)
def test_the_languages_say_the_same(name):
    both = [sections(page(name + language)) for language in LANGUAGES]
    for english, chinese in zip(*both, strict=True):
        heading = english.partition("\n")[0]
        blocks = [
            [(found[2], found[3]) for found in FENCE.finditer(text)]
            for text in (english, chinese)
        ]
        assert blocks[0] == blocks[1], heading
        words = [COMMENT.sub("", FENCE.sub("", text)) for text in (english, chinese)]
        code = [set(CODE.findall(text)) for text in words]
        assert code[0] == code[1], heading
        formulas = [
            set(FORMULA.findall(" ".join(prose(text).split()))) for text in words
        ]
        assert formulas[0] == formulas[1], heading
        rows = [re.findall(r"^\|.*\|$", text, re.MULTILINE) for text in words]
        assert len(rows[0]) == len(rows[1]), heading


@every_page
def test_no_directives(name):
    """They would show as text where no Sphinx reads them."""
    assert not re.search(r"```\{|^:\w+:", page(name), re.MULTILINE)
    assert {found[2] for found in FENCE.finditer(page(name))} <= {
        "math",
        "pycon",
        "python",
    }


@every_page
def test_formulas_show_on_code_hosts(name):
    """There, a formula begins after a space, and no letter or digit follows it.

    Backslashes before punctuation and vertical bars in tables are Markdown's own.
    """
    text = prose(page(name))
    assert "$$" not in text
    for paragraph in re.split(r"\n\n|\n(?=[|-])", text):
        assert paragraph.count("$") % 2 == 0, paragraph
        for found in FORMULA.finditer(paragraph):
            formula, start, end = found[1], found.start(), found.end()
            assert formula == formula.strip(), paragraph
            assert "\n" not in formula, paragraph
            assert not re.search(r"\\[^a-zA-Z]|[|*]", formula), formula
            assert start == 0 or paragraph[start - 1] in " \n", paragraph
            assert end == len(paragraph) or not paragraph[end].isalnum(), paragraph
