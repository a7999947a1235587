"""The output of a verbose search."""

from __future__ import annotations

from typing import Any

from joblib.logger import short_format_time


def report(
    result: dict[str, Any],
    parameters: dict[str, Any],
    verbose: int,
    *,
    split_progress: tuple[int, int],
    candidate_progress: tuple[int, int],
) -> None:
    """Print what scikit-learn's searches print about a candidate when it is done."""
    if verbose < 2:
        return
    where = "CV"
    if verbose > 2:
        where += f" {split_progress[0] + 1}/{split_progress[1]}"
    if verbose > 9:
        where += f"; {candidate_progress[0] + 1}/{candidate_progress[1]}"
    text = ", ".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    if verbose > 9:
        print(f"{f'[{where}] START {text}':.<80}")
    text += ";" if text else ""
    if verbose > 2:
        tests, trains = result["test_scores"], result.get("train_scores")
        if isinstance(tests, dict):
            for name in sorted(tests):
                train = f"train={trains[name]:.3f}, " if trains else ""
                text += f" {name}: ({train}test={tests[name]:.3f})"
        elif trains is not None:
            text += f", score=(train={trains:.3f}, test={tests:.3f})"
        else:
            text += f", score={tests:.3f}"
    seconds = result["fit_time"] + result["score_time"]
    start, end = f"[{where}] END ", f"{text} total time={short_format_time(seconds)}"
    print(f"{start}{end:.>{80 - len(start)}}")
