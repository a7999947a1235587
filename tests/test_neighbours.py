"""The page about other libraries: each section runs where its library is installed."""

import re
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, DocTestParser, DocTestRunner
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "ecosystem.md"
PREAMBLE, *SECTIONS = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
SECTIONS = {text.partition("\n")[0]: text for text in SECTIONS}

#: The modules that each section needs. Those of the extra `test` run with all tests.
NEEDS = {
    "ONNX": ["skl2onnx", "onnxruntime"],
    "skops": ["skops"],
    "joblib": [],
    "PyTorch": ["torch"],
    "MLflow": ["mlflow", "skops"],
    "Optuna": ["optuna"],
    "shap": ["shap"],
    "mapie": ["mapie"],
    "skrub": ["skrub"],
    "imbalanced-learn": ["imblearn"],
    "Dask": ["distributed"],
    "Ray": ["ray"],
}
OF_TEST = ("joblib", "Dask")


def cases():
    for name in NEEDS:
        marks = [] if name in OF_TEST else [pytest.mark.ecosystem]
        yield pytest.param(name, marks=marks)


# The other libraries warn of what they do not like in each other.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases())
def test_section_runs(name, tmp_path, monkeypatch):
    for module in NEEDS[name]:
        pytest.importorskip(module, exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    text = PREAMBLE + SECTIONS[name]
    examples = DocTestParser().get_doctest(text, {}, name, str(PAGE), 0)
    runner = DocTestRunner(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE)
    said = []
    failed, tried = runner.run(examples, out=said.append)
    assert tried
    assert not failed, "".join(said)


def test_every_section_with_examples_is_run():
    examples = {n for n, text in SECTIONS.items() if DocTestParser().get_examples(text)}
    assert examples == {*NEEDS}
