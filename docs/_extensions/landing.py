"""The figures on the landing page, from docs/benchmarks.json."""

from __future__ import annotations

from typing import Any


def figures(benchmarks: dict[str, Any]) -> dict[str, str]:
    """Return what stands for {{ name }} on a page."""
    million = benchmarks["million"]
    most = max(value for name, value in million.items() if name != "data_mb")
    ratios = [row["ratio"] for row in benchmarks["fit"]]
    return {
        "faster32": f"{benchmarks['geometric_mean_float32']:.1f}",
        "faster64": f"{benchmarks['geometric_mean_float64']:.1f}",
        "least": f"{min(ratios):.1f}",
        "most": f"{max(ratios):.1f}",
        "megabytes": f"{most:.0f}",
        "where": benchmarks["where"],
    }
