"""All ways of a trial score the same frames, and give the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry import ConfigError, DataError, SpeedTrial
from registry.results.predictions import read_predictions
from registry.tasks import speed
from tests.shared.still_backbone import write_data


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    data = str(write_data(tmp_path / "data"))
    with pytest.raises(ConfigError, match="detector 'random' has no backbone"):
        SpeedTrial(4, detector="random", dataset=(data,), crop_from="frame")


@pytest.mark.slow
def test_the_ways_agree_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    data = str(write_data(tmp_path / "data"))
    settings = {"detector": "linear", "dataset": (data,), "crop_from": "frame", "batch_size": 4}
    trial = SpeedTrial(12, **settings)
    saved: list[dict[str, list[float]]] = []
    measure = speed.measure_job

    def recording(job: object, chunks: object) -> object:
        result = measure(job, chunks)  # type: ignore[arg-type]
        saved.append(read_predictions(job.folder)[0].to_pydict())  # type: ignore[attr-defined]
        return result

    monkeypatch.setattr(speed, "measure_job", recording)
    trial.evaluate()
    trial.evaluate(4)
    rows = saved[0]
    scores = trial.plain_loop()
    assert len(rows["fake"]) == 12
    assert len(saved[1]["fake"]) == 4
    for video, score in scores.items():
        own = [s for v, s in zip(rows["video"], rows["fake"], strict=True) if v == video]
        assert np.mean(own) == pytest.approx(score, abs=1e-4)
    assert trial.forward().shape == (12, trial.embedder.backbone.dim)
    assert len(trial.crops) == 12
    assert trial.crops is trial.crops
    assert not any((tmp_path / "tmp").iterdir())
    with pytest.raises(DataError, match="the data has 12 frames, not 13"):
        SpeedTrial(13, **settings)
