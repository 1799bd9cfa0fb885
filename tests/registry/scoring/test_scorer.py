from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.contracts.types import Crop, CropPolicy, Frame, Scores, Video
from registry.errors import PluginError
from registry.faces.clock import StageClock
from registry.scoring.chunks import Chunk, Unit
from registry.scoring.parallel import BatchStreams
from registry.scoring.scorer import Scorer, by_file, read_ahead, score_columns


def _crop(value: int) -> Crop:
    image = np.full((4, 4, 3), value, dtype=np.uint8)
    return Crop(image=image, landmarks=None, box=(0, 0, 4, 4))


class Brightness:
    """Scores a crop by its grey value; remembers the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(self, crops: Sequence[Crop]) -> Scores:
        self.batches.append(len(crops))
        means = np.asarray([crop.image.mean() / 255 for crop in crops])
        means[means == 1.0] = np.nan
        return Scores(fake=means, regions={"mouth": means / 2})


class BrightnessEmbedding(Brightness):
    encoder = "grey"

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        fake = self.score(crops).fake
        return np.stack([fake, fake], axis=1).astype(np.float32)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        return Scores(fake=embeddings[:, 0].astype(np.float64))


def _compute(
    detector: Any, frames: list[list[Crop] | str], batch: int, streams: int = 1
) -> tuple[Chunk, int]:
    scorer = _scorer(detector, streams)
    steps = list(scorer.compute(iter(frames), [len(frames)], batch))
    chunk = steps[-1]
    assert isinstance(chunk, Chunk)
    return chunk, sum(step for step in steps if isinstance(step, int))


def _scorer(detector: Any, streams: int) -> Scorer:
    reader: Any = SimpleNamespace(clock=StageClock())  # crops are given, nothing is read
    return Scorer(detector, "toy", "package", reader, CropPolicy(), streams=BatchStreams(streams))


FRAMES: list[list[Crop] | str] = [[_crop(51)], "no face", [_crop(102), _crop(153)], [_crop(0)]]


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_rows_keep_their_order_whatever_the_batch_size(batch: int) -> None:
    detector = Brightness()
    chunk, done = _compute(detector, FRAMES, batch)
    assert list(chunk.unit) == [0, 1, 2, 2, 3]
    assert list(chunk.status) == ["ok", "no face", "ok", "ok", "ok"]
    np.testing.assert_allclose(chunk.values["fake"], [0.2, 0.4, 0.6, 0.0])
    np.testing.assert_allclose(chunk.values["p_mouth"], [0.1, 0.2, 0.3, 0.0])
    assert done == len(FRAMES)
    assert max(detector.batches) <= batch


class InPairs(Brightness):
    """Waits in every call for another one: with one thread it would wait in vain."""

    def __init__(self) -> None:
        super().__init__()
        self._pair = Barrier(2, timeout=10)

    def score(self, crops: Sequence[Crop]) -> Scores:
        self._pair.wait()
        return super().score(crops)


def test_two_batches_are_scored_at_once_and_their_rows_keep_their_order() -> None:
    """Also over the end of a piece: its last batch and the first of the next one."""
    frames: list[list[Crop] | str] = [[_crop(grey)] for grey in range(0, 120, 10)]
    steps = [*_scorer(InPairs(), 2).compute(iter(frames), [3, 9], 1)]
    chunks = [step for step in steps if isinstance(step, Chunk)]
    assert [len(chunk.unit) for chunk in chunks] == [3, 9]
    found = np.concatenate([chunk.values["fake"] for chunk in chunks])
    np.testing.assert_allclose(found, np.arange(0, 120, 10) / 255)
    assert [step for step in steps if isinstance(step, int)] == [1, 1, 1, 0] + 9 * [1] + [0]


@pytest.mark.parametrize("streams", [1, 2])
def test_whatever_is_scored_at_once_the_chunk_is_the_same(streams: int) -> None:
    chunk, done = _compute(Brightness(), FRAMES, 2, streams)
    assert list(chunk.unit) == [0, 1, 2, 2, 3]
    np.testing.assert_allclose(chunk.values["fake"], [0.2, 0.4, 0.6, 0.0])
    assert done == len(FRAMES)


def test_an_embedding_detector_leaves_embeddings() -> None:
    chunk, _ = _compute(BrightnessEmbedding(), FRAMES, 2)
    assert set(chunk.values) == {"embedding", "sharpness"}
    assert chunk.values["embedding"].shape == (4, 2)


@pytest.mark.parametrize(
    ("detector", "what"), [(Brightness(), "score"), (BrightnessEmbedding(), "embedding")]
)
def test_output_that_is_not_finite_becomes_an_error_row(detector: Any, what: str) -> None:
    frames: list[list[Crop] | str] = [[_crop(51)], [_crop(255)], [_crop(102)]]
    chunk, _ = _compute(detector, frames, 3)
    assert list(chunk.status) == ["ok", f"{what} is not finite", "ok"]
    assert all(len(array) == 2 for array in chunk.values.values())


def test_a_chunk_without_any_face_has_rows_and_no_values() -> None:
    chunk, done = _compute(Brightness(), ["no face", "unreadable"], 4)
    assert list(chunk.status) == ["no face", "unreadable"]
    assert chunk.values == {}
    assert done == 2


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (Scores(fake=np.asarray([0.5, 1.5])), "'fake' = 1.5; scores must be in"),
        (Scores(fake=np.asarray([0.5])), r"shape \(1,\) for 2 crops"),
        (
            Scores(fake=np.zeros(2), regions={"nose": np.asarray([0.1, -0.2])}),
            "'p_nose' = -0.2",
        ),
        (Scores(fake=np.zeros(2), variants={"head": np.zeros((2, 2))}), "'fake_head' of shape"),
    ],
)
def test_scores_that_break_the_contract_name_detector_and_value(
    scores: Scores, message: str
) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        score_columns(scores, 2, "detector 'x'")
    assert "detector 'x'" in str(caught.value)


def test_a_detector_that_raises_is_a_plugin_error_with_its_package() -> None:
    class Broken:
        def score(self, crops: Sequence[Crop]) -> Scores:
            raise ZeroDivisionError("oh")

    for streams in (1, 2):
        with pytest.raises(PluginError, match="'toy' of package 'package' failed: ZeroDivision"):
            _compute(Broken(), FRAMES, 2, streams)


def test_reading_ahead_is_bounded_and_in_order() -> None:
    started: list[int] = []

    def items() -> Iterator[list[int]]:
        for item in range(20):
            started.append(item)
            yield [item]

    with ThreadPoolExecutor(2) as pool:
        results = read_ahead(pool, lambda group: [group[0] ** 2], items(), depth=4)
        assert next(results) == 0
        assert len(started) == 4
        assert list(results) == [item * item for item in range(1, 20)]


def test_reading_ahead_keeps_every_worker_busy_however_large_the_groups() -> None:
    started: list[int] = []

    def groups() -> Iterator[list[int]]:
        for item in range(9):
            started.append(item)
            yield [item] * 5

    with ThreadPoolExecutor(3) as pool:
        results = read_ahead(pool, lambda group: group, groups(), depth=4, least=3)
        assert next(results) == 0
        assert len(started) == 3
        assert list(results) == [item for item in range(9) for _ in range(5)][1:]


def test_frames_of_one_video_file_are_read_together() -> None:
    def units(*frames: tuple[str, int]) -> list[Unit]:
        video = Video(dataset="set", id="v", label=0)
        return [Unit(video, Frame(path=Path(name), index=at)) for name, at in frames]

    given = units(("a.png", 0), ("a.png", 1), ("b.mp4", 0), ("b.mp4", 9), ("c.MP4", 0))
    groups = list(by_file(given))
    assert [len(group) for group in groups] == [1, 1, 2, 1]
    assert [unit for group in groups for unit in group] == given
