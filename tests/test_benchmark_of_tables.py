"""The benchmark of tables: what it says if something is missing, and its record."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[1] / "examples" / "benchmarks" / "tabular.py"


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the benchmark; it measures the number of rows."""
    spec = spec_from_file_location("tabular", PATH)
    benchmark = module_from_spec(spec)
    spec.loader.exec_module(benchmark)

    def measure(path, rows, only):
        return {"rows": rows, "regression": True, only[0]: {"score": 0.5}}

    monkeypatch.setattr(benchmark, "measure", measure)

    def with_arguments(*arguments):
        monkeypatch.setattr(sys, "argv", ["tabular.py", *map(str, arguments)])
        benchmark.main()

    return with_arguments


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one set."""
    np.savez(tmp_path / "flats.npz", X=np.ones((4, 1)), y=np.ones(4))
    return tmp_path


def test_what_is_missing_is_named(run, folder, capsys):
    (folder / "empty").mkdir()
    for arguments, message in [
        ([folder / "no"], "is not a folder"),
        ([folder / "empty"], "has no .npz files"),
        ([folder, "--sets", "houses"], "unknown houses; known are flats"),
        ([folder, "--only", "forest"], "unknown forest; known are skbp"),
    ]:
        with pytest.raises(SystemExit):
            run(*arguments)
        assert message in capsys.readouterr().err


def test_figures_of_other_numbers_of_rows_are_not_kept(run, folder):
    record = folder / "record.json"
    for rows, name, expected in [
        (2, "skbp", {"skbp"}),
        (2, "mlp", {"skbp", "mlp"}),
        (3, "linear", {"linear"}),
    ]:
        run(folder, "--rows", rows, "--only", name, "--json", record)
        found = json.loads(record.read_text("utf-8"))["flats"]
        assert set(found) == {"rows", "regression"} | expected
