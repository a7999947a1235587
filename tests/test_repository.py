"""What code hosts read: workflows, forms, and pages for contributors."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from skbp import __version__

ROOT = Path(__file__).parents[1]
HOST = ROOT / ".github"
WORKFLOWS = sorted((HOST / "workflows").glob("*.yml"))
if not HOST.exists():
    pytest.skip("A source distribution does not have them", allow_module_level=True)

FILES = sorted(HOST.rglob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


def test_every_version_of_python_is_tested():
    tests = yaml.safe_load((HOST / "workflows" / "tests.yml").read_text("utf-8"))
    tested = tests["jobs"]["tests"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: 3."
    named = [one for one in PROJECT["classifiers"] if one.startswith(prefix)]
    assert tested == [one.rpartition(" ")[2] for one in named]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_can_write_nothing_by_default(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (\S+)", path.read_text("utf-8"))
    assert used
    assert all("@" in one for one in used)


def test_only_the_last_step_may_publish():
    release = yaml.safe_load((HOST / "workflows" / "release.yml").read_text("utf-8"))
    jobs = release["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "permissions" not in jobs["build"]


@pytest.mark.parametrize("path", sorted(HOST.glob("*.md")), ids=lambda path: path.name)
def test_links_of_the_pages_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        assert link.startswith("https://") or (HOST / link).exists(), link


def test_the_citation_names_the_version():
    citation = (ROOT / "docs" / "citing.md").read_text("utf-8")
    assert f"version = {{{__version__}}}" in citation
