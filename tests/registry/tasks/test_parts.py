"""Shards that are merged are the run that one process would have left, or are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import registry.tasks.evaluate
from registry import Crop, DetectorContext, DetectorSpec, Scores, evaluate
from registry.cli import main
from registry.errors import BenchError, ConfigError, DataError
from registry.plugins.discovery import Plugins, load_plugins
from registry.results.parts import PART, Part, Shard
from registry.results.predictions import PREDICTIONS
from registry.results.result import Result
from registry.settings.load import resolve
from registry.settings.tasks import EvalConfig
from registry.tasks.parts import evaluate_shard, merge_parts
from tests.shared.readers import refusing
from tests.shared.still_backbone import SIZE, write_data


class Shade:
    """Scores a crop by its mean grey value."""

    calls = 0

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def score(self, crops: Sequence[Crop]) -> Scores:
        type(self).calls += len(crops)
        means = np.asarray([crop.image.mean() / 255 for crop in crops])
        return Scores(fake=means, regions={"nose": means / 2})


class ShadeEmbedding(Shade):
    """The same with a half that can be cached."""

    encoder = "shade"

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        return self.score(crops).fake[:, None].astype(np.float32)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        return Scores(fake=embeddings[:, 0].astype(np.float64))


Make = Callable[..., EvalConfig]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """A configuration of `bench eval` on 12 images in 4 chunks, with detectors of this file."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    Shade.calls = ShadeEmbedding.calls = 0
    extra = [
        DetectorSpec(name="shade", summary="-", build=Shade, needs_backbone=False),
        DetectorSpec(name="cached", summary="-", build=ShadeEmbedding, needs_backbone=False),
    ]
    plugins = Plugins(records=(*load_plugins().records, *extra))
    monkeypatch.setattr(registry.tasks.evaluate, "load_plugins", lambda: plugins)
    write_data(tmp_path / "data")

    def _make(out: str, **settings: Any) -> EvalConfig:
        defaults = {
            "detector": "shade",
            "dataset": (str(tmp_path / "data"),),
            "out": str(tmp_path / out),
            "draws": 50,
            "chunk": 3,
            "batch_size": 2,
            "quiet": True,
            "reporters": (),
        }
        return EvalConfig(**{**defaults, **settings})

    return _make


def shards(make: Make, count: int, **settings: Any) -> list[Path]:
    """Folders of all shards of an evaluation."""
    return [
        evaluate_shard(make(f"part{number}", **settings), Shard(number, count))[1]
        for number in range(1, count + 1)
    ]


def chunks(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "chunks").iterdir())


@pytest.mark.parametrize("detector", ["shade", "cached"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_merged_shards_are_the_run_of_one_process(
    make: Make, tmp_path: Path, detector: str, count: int
) -> None:
    whole = evaluate(make("whole", detector=detector, cache=False))
    parts = shards(make, count, detector=detector, cache=False)
    Shade.calls = ShadeEmbedding.calls = 0
    merged = merge_parts(parts[::-1], tmp_path / "merged", quiet=True)
    assert (Shade.calls, ShadeEmbedding.calls) == (0, 0)
    assert merged.differences(whole) == ()
    assert Result.load(tmp_path / "merged") == merged
    assert merged.notes == whole.notes
    one, other = tmp_path / "whole", tmp_path / "merged"
    assert (one / PREDICTIONS).read_bytes() == (other / PREDICTIONS).read_bytes()
    assert {path.name for path in other.iterdir()} == {path.name for path in one.iterdir()}
    for name in chunks(one):
        assert (one / "chunks" / name).read_bytes() == (other / "chunks" / name).read_bytes()
    assert chunks(one) == chunks(other)
    assert merged.provenance.data_fingerprint == whole.provenance.data_fingerprint
    assert merged.provenance.frames_scored == whole.provenance.frames_scored == 12


@pytest.mark.parametrize("detector", ["shade", "cached"])
def test_a_trial_on_few_videos_is_the_same_for_shards_and_for_a_run_that_goes_on(
    make: Make, tmp_path: Path, detector: str
) -> None:
    settings = {"detector": detector, "cache": False, "limit": 2, "chunk": 1}
    one = evaluate(make("one", **settings))
    assert {each.method: (each.reals, each.fakes) for each in one.counts} == {
        "all": (2, 2), "swap": (2, 1), "warp": (2, 1),
    }  # fmt: skip
    assert one.provenance.config["limit"] == 2
    assert any("a trial on 2 of 6 real and 2 of 6 fake videos" in note for note in one.notes)
    merged = merge_parts(shards(make, 3, **settings), tmp_path / "merged", quiet=True)
    assert merged.differences(one) == ()
    assert (merged.notes, merged.provenance.config["limit"]) == (one.notes, 2)
    paths = [tmp_path / name / PREDICTIONS for name in ("one", "merged")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    (tmp_path / "one" / "chunks" / "000001.npz").unlink()
    again = evaluate(make("one", **settings))
    assert again.provenance.frames_scored == 1
    assert again.differences(one) == ()


def test_a_trial_and_the_whole_run_do_not_replace_each_other(make: Make, tmp_path: Path) -> None:
    evaluate(make("run"))
    with pytest.raises(ConfigError, match="holds a run with limit none given; choose another"):
        evaluate(make("run", limit=2))
    evaluate(make("trial", limit=2))
    with pytest.raises(ConfigError, match="holds a run with limit 2; choose another --out"):
        evaluate(make("trial"))
    parts = [
        evaluate_shard(make("a", limit=2), Shard(1, 2))[1],
        evaluate_shard(make("b", limit=3), Shard(2, 2))[1],
    ]
    with pytest.raises(BenchError):
        merge_parts(parts, tmp_path / "merged", quiet=True)


def test_a_part_scores_its_own_chunks_and_says_what_it_is(make: Make, tmp_path: Path) -> None:
    _, folder = evaluate_shard(make("part"), Shard(2, 3))
    assert Shade.calls == 3
    assert chunks(folder) == ["000001.npz"]
    assert {path.name for path in folder.iterdir()} == {"chunks", "config.yaml", PART}
    part = Part.load(folder)
    assert (part.shard, part.finished, part.frames, part.frames_scored) == (
        Shard(2, 3), True, 12, 3
    )  # fmt: skip
    assert resolve(EvalConfig, folder / "config.yaml") == make("part", backbone=None)


def test_an_interrupted_part_goes_on_and_is_not_merged_before(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Shade.score

    def stop_in_the_second_chunk(self: Shade, crops: Sequence[Crop]) -> Scores:
        if Shade.calls >= 3:
            raise KeyboardInterrupt
        return score(self, crops)

    other = evaluate_shard(make("part2"), Shard(2, 2))[1]
    Shade.calls = 0
    with monkeypatch.context() as patch:
        patch.setattr(Shade, "score", stop_in_the_second_chunk)
        with pytest.raises(KeyboardInterrupt):
            evaluate_shard(make("part1"), Shard(1, 2))
    with pytest.raises(DataError, match=r"shard 1/2 in .*part1 is not finished; run its line"):
        merge_parts([tmp_path / "part1", other], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    Shade.calls = 0
    assert evaluate_shard(make("part1"), Shard(1, 2))[0].frames_scored == 3
    assert Shade.calls == 3
    merge_parts([tmp_path / "part1", other], tmp_path / "merged", quiet=True)


def test_a_shard_that_is_missing_or_there_twice_is_named(make: Make, tmp_path: Path) -> None:
    one, two, three = shards(make, 3)
    refused: list[tuple[Sequence[Path], str]] = [
        ([one, three], r"missing shards of 3: 2; name their folders"),
        ([three], r"missing shards of 3: 1, 2;"),
        ([one, two, two, three], r"part2 and .*part2 both hold shard 2/3"),
        ([], "no parts to merge"),
        ([one, evaluate_shard(make("of2"), Shard(2, 2))[1]], r"one of 3 parts.*of2 one of 2"),
        ([one, two, tmp_path / "gone"], r"no part\.json in .*gone"),
    ]
    for folders, message in refused:
        with pytest.raises(BenchError, match=message):
            merge_parts(folders, tmp_path / "merged", quiet=True)
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "seed is 0 and 1"),
        ({"frames": 3}, "frames is 32 and 3"),
        ({"metrics": ("auc",)}, "metrics is"),
        ({"chunk": 4}, "chunk is 3 and 4"),
        ({"detector": "cached"}, "detector is 'shade' and 'cached'"),
    ],
)
def test_parts_of_other_settings_are_refused(
    make: Make, tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    one = evaluate_shard(make("part1"), Shard(1, 2))
    two = evaluate_shard(make("part2", **changed), Shard(2, 2))
    with pytest.raises(ConfigError, match=f"not parts of the same evaluation: {message}"):
        merge_parts([one[1], two[1]], tmp_path / "merged", quiet=True)


def test_parts_of_other_weights_are_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = evaluate_shard(make("part1", detector="cached"), Shard(1, 2))[1]
    with monkeypatch.context() as patch:
        patch.setattr(ShadeEmbedding, "encoder", "trained anew")
        two = evaluate_shard(make("part2", detector="cached"), Shard(2, 2))[1]
        with pytest.raises(ConfigError, match="different weights, artefacts or crops"):
            merge_parts([one, two], tmp_path / "merged", quiet=True)
        one = evaluate_shard(make("anew1", detector="cached"), Shard(1, 2))[1]
    with pytest.raises(DataError, match=r"weights, artefact or crops differ from those of .*anew1"):
        merge_parts([one, two], tmp_path / "merged", quiet=True)


def test_parts_of_other_data_are_refused(make: Make, tmp_path: Path) -> None:
    parts = shards(make, 2)
    manifest = tmp_path / "data" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match=r"data differs from what .*part1 was scored on"):
        merge_parts(parts, tmp_path / "merged", quiet=True)
    parts[1] = evaluate_shard(make("fewer"), Shard(2, 2))[1]
    with pytest.raises(ConfigError, match="scored on different data"):
        merge_parts(parts, tmp_path / "merged", quiet=True)


@pytest.mark.parametrize("harm", ["lost", "damaged", "image"])
def test_a_chunk_that_is_not_what_was_scored_is_named(
    make: Make, tmp_path: Path, harm: str
) -> None:
    parts = shards(make, 2)
    chunk = parts[1] / "chunks" / "000001.npz"
    if harm == "lost":
        chunk.unlink()
    elif harm == "damaged":
        chunk.write_bytes(chunk.read_bytes()[:-40])
    else:  # of the same size and another content
        image = tmp_path / "data" / "1_1.png"  # the fourth: the first of the second chunk
        size = image.stat().st_size
        pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
        data = cv2.imencode(".png", pixels)[1].tobytes()
        image.write_bytes(data + b"\0" * (size - len(data)))
    with pytest.raises(DataError, match=r"000001\.npz is missing, damaged, or .*run shard 2/2"):
        merge_parts(parts, tmp_path / "merged", quiet=True)
    evaluate_shard(make("part2"), Shard(2, 2))
    merge_parts(parts, tmp_path / "merged", quiet=True)


def test_failures_are_counted_against_the_whole(make: Make, tmp_path: Path) -> None:
    for name in ("0_0", "0_1"):  # both of the first chunk
        (tmp_path / "data" / f"{name}.png").write_bytes(b"no image")
    whole = evaluate(make("whole", max_errors=0.2))
    parts = shards(make, 4, max_errors=0.2)  # 2 of the first part's 6, of 12 in all
    assert merge_parts(parts, tmp_path / "merged", quiet=True).differences(whole) == ()
    with pytest.raises(DataError, match="2 of 12 frames failed"):
        evaluate_shard(make("strict", max_errors=1), Shard(1, 4))


def test_a_file_that_could_not_be_opened_stays_a_counted_row(make: Make, tmp_path: Path) -> None:
    with refusing("2_1.png"):
        parts = shards(make, 2, max_errors=1)
    merged = merge_parts(parts, tmp_path / "merged", quiet=True)
    assert sum(merged.counts[0].errors.values()) == 1


def test_a_folder_holds_one_shard(make: Make, tmp_path: Path) -> None:
    evaluate_shard(make("part"), Shard(1, 2))
    with pytest.raises(ConfigError, match=r"holds shard 1/2; choose another --out for shard 2/2"):
        evaluate_shard(make("part"), Shard(2, 2))
    evaluate_shard(make("part", overwrite=True), Shard(2, 2))
    assert chunks(tmp_path / "part") == ["000001.npz", "000003.npz"]
    evaluate(make("part"))  # the rest of it: a whole run now
    assert not (tmp_path / "part" / PART).exists()
    with pytest.raises(ConfigError, match="holds a complete run"):
        evaluate_shard(make("part", overwrite=True), Shard(1, 2))


def test_a_part_is_not_merged_into_itself(make: Make, tmp_path: Path) -> None:
    parts = shards(make, 2)
    with pytest.raises(ConfigError, match="is one of the parts"):
        merge_parts(parts, parts[0])


def test_the_commands_say_what_comes_next_and_print_the_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(tmp_path / "data")
    line = ["eval", "--detector", "random", "--dataset", str(tmp_path / "data")]
    line += ["--quiet", "--draws", "0", "--chunk", "5"]
    parts = [str(tmp_path / str(number)) for number in (1, 2)]
    assert main([*line, "--out", str(tmp_path / "whole"), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    for number, out in enumerate(parts, 1):
        assert main([*line, "--shard", f"{number}/2", "--out", out]) == 0
        assert "bench merge PART... --out DIR" in capsys.readouterr().out
    assert main(["report", parts[0]]) == 2
    assert "is part 1/2 of an evaluation" in capsys.readouterr().err
    merge = ["merge", *parts, "--quiet", "--out", str(tmp_path / "all")]
    assert main([*merge, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measurements"] == whole["measurements"]
    assert main(merge) == 0
    assert "run folder:" in capsys.readouterr().out
    assert main([*line, "--shard", "1/2", "--corrupt", "jpeg", "--out", parts[0]]) == 2
    assert "one condition at a time" in capsys.readouterr().err
    assert main([*line, "--shard", "3/2"]) == 2
    assert "the last 2/2" in capsys.readouterr().err


def test_a_part_prints_itself_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_data(tmp_path / "data")
    line = ["eval", "--detector", "random", "--dataset", str(tmp_path / "data"), "--quiet"]
    assert main([*line, "--shard", "1/1", "--out", str(tmp_path / "p"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shard"] == {"number": 1, "count": 1}


def test_a_dry_run_tells_the_frames_and_the_folder_of_its_shard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "data")
    line = ["eval", "--detector", "random", "--dataset", "data", "--chunk", "5", "--quiet"]
    assert main([*line, "--shard", "3/3", "--dry-run"]) == 0
    told = dict(row.split(maxsplit=1) for row in capsys.readouterr().out.splitlines()[3:] if row)
    assert told["frames"] == "2"
    assert told["out"] == "runs/random_data_test_shard-3-of-3"
    assert main([*line, "--shard", "3/3"]) == 0
    assert Part.load(tmp_path / told["out"]).frames_scored == 2
