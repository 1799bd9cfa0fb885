"""Make curves.svg: val of the runs on the style `video` against the hours of training.

    python docs/assets/make_curves.py

Reads the runs of the shipped weights (`lesb_plugin/weights/sbi_efflite0.json`) and the others
(`training_runs.json` beside this file). Needs matplotlib.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "lesb_plugin" / "weights" / "sbi_efflite0.json"
FIRST = 9  # of the shipped runs on this style
Curve = list[tuple[float, float]]


def main() -> None:
    """Draw one line for each network."""
    shipped = json.loads(SHIPPED.read_text("utf-8"))
    others = json.loads((HERE / "training_runs.json").read_text("utf-8"))["runs"]
    lite0 = [
        {**run, "epochs": [each for each in shipped["epochs"] if each["run"] == number]}
        for number, run in enumerate(shipped["runs"], 1)
        if number >= FIRST
    ]
    lite2 = [run for run in others if run["name"].startswith("lite2")]
    mpl.rcParams.update({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, runs, marker in (
        ("EfficientNet-Lite0", lite0, "o"),
        ("EfficientNet-Lite2", lite2, "s"),
    ):
        hours, auc = zip(*curve(runs), strict=True)
        axes.plot(hours, auc, marker=marker, label=f"EfficientNet-{name}")
    axes.set(xlabel="hours of training on two cores", ylabel="AUC on val")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(HERE / "curves.svg", metadata={"Date": None})


def curve(runs: Iterable[Mapping[str, Any]]) -> Curve:
    """Return hours since the first run began, and val, wherever it was measured."""
    runs = [*runs]
    before = accumulate((run["seconds"] for run in runs), initial=0.0)
    return [
        ((start + run["seconds"] * each["epoch"] / len(run["epochs"])) / 3600, each["val"]["auc"])
        for start, run in zip(before, runs, strict=False)
        for each in run["epochs"]
        if "val" in each
    ]


if __name__ == "__main__":
    main()
