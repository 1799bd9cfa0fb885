"""What commands say after Ctrl-C: what is finished, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import pytest

import registry.tasks.cost
import registry.tasks.predict
from registry import VERDICT_COLUMNS
from registry.cli import main
from registry.cli.processes import Terminated, on_interrupt
from registry.data.inputs import find_media
from registry.results.file_scores import Prediction
from tests.shared.drawn_files import portrait, write

TINY = ("--backbone", "timm/test_efficientnet", "--weights", "random", "--detector", "linear")


def test_words_are_added_only_to_an_interrupt() -> None:
    with pytest.raises(Terminated) as found, on_interrupt(lambda: "three are finished"):
        raise Terminated
    assert found.value.__notes__ == ["; three are finished"]
    with pytest.raises(ValueError, match="another") as other, on_interrupt(str):
        raise ValueError("another")
    assert not hasattr(other.value, "__notes__")


class Slow:
    """A Predictor that is interrupted after `finished` files."""

    finished = 0
    notes = verdict_notes = ()
    audit, origin = None, MappingProxyType({"detector": "slow"})

    def __init__(self, *_: object) -> None:
        pass

    def notes_on(self, _: Sequence[Path], *, clips: bool) -> list[str]:
        return []

    def refuse_other(self, record: Mapping[str, Any], where: Path) -> None:
        assert record["origin"] == self.origin

    def __call__(self, inputs: Sequence[Path], *, clips: bool) -> Iterator[Prediction]:
        files = sorted(inputs[0].iterdir())
        for path in files[: self.finished]:
            yield Prediction(path=path, error="no face")
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("finished", "told"),
    [
        (0, "no file was finished; the same line begins anew"),
        (2, "2 of 3 files have their line; the same line with --start-at {}/c.png goes on"),
        (3, "every file has its line"),
    ],
)
def test_predict_says_which_file_comes_next(
    finished: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abc":
        write(folder / f"{name}.png", portrait())
    monkeypatch.setattr(registry.tasks.predict, "Predictor", Slow)
    monkeypatch.setattr(Slow, "finished", finished)
    assert main(["predict", str(folder), *TINY]) == 130
    printed = capsys.readouterr()
    assert printed.err.endswith(f"interrupted; {told.format(folder)}\n")
    assert printed.out.count("no face") == finished
    out = tmp_path / "scores.tsv"
    out.write_text("of an earlier run")
    assert main(["predict", str(folder), *TINY, "--out", str(out)]) == 130
    place = told.replace(" line;", f" line in {out};").replace("its line", f"its line in {out}")
    assert capsys.readouterr().err.endswith(f"interrupted; {place.format(folder)}\n")
    header, *lines = out.read_text().splitlines()
    assert header == ("\t".join(VERDICT_COLUMNS) if finished else "of an earlier run")
    names = [line.partition("\t")[0] for line in lines]
    assert names == [str(folder / f"{name}.png") for name in "abc"[:finished]]
    assert sorted(tmp_path.iterdir()) == [folder, out]


@pytest.mark.parametrize("json", [False, True])
def test_lines_that_were_kept_are_followed_by_those_of_the_other_files(
    json: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = tmp_path / "files", tmp_path / "lines"
    folder.mkdir()
    a, b, c, _ = [write(folder / f"{name}.png", portrait()) for name in "abcd"]
    line = ["predict", str(folder), *TINY, "--out", str(out), *(["--json"] if json else [])]

    class Twice(Slow):
        """Two files are finished, then one more, then all."""

        def __call__(self, inputs: Sequence[Path], *, clips: bool) -> Iterator[Prediction]:
            paths = [*find_media(inputs)]
            stops = {4: 2, 2: 1, 1: 1}[len(paths)]
            for path in paths[:stops]:
                yield Prediction(path=path, error="no face")
            if stops < len(paths):
                raise KeyboardInterrupt

    monkeypatch.setattr(registry.tasks.predict, "Predictor", Twice)
    assert main(line) == 130
    kept = out.read_text()
    for first in (a, b):  # which are in it already, or after other files
        assert main([*line, "--start-at", str(first)]) == 2
        assert "lines of others than those just before: they would" in capsys.readouterr().err
    assert out.read_text() == kept
    assert main([*line, "--start-at", str(c)]) == 130
    assert f"1 of 2 files have their line in {out}; " in capsys.readouterr().err
    assert main([*line, "--start-at", str(folder / "d.png")]) == 1
    whole = out.read_text()
    assert whole.startswith(kept)
    out.unlink()
    monkeypatch.setattr(
        Twice,
        "__call__",
        lambda _, paths, **__: (
            Prediction(path=path, error="no face") for path in find_media(paths)
        ),
    )
    assert main(line) == 1
    assert out.read_text() == whole


def test_predict_goes_on_with_the_file_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1", "2", "10"):
        write(tmp_path / f"{name}.png", portrait())
    given: list[Path] = []

    class Listing(Slow):
        def __call__(self, inputs: Sequence[Path], *, clips: bool) -> Iterator[Prediction]:
            given.extend(inputs)
            for path in inputs:
                yield Prediction(path=path, error="no face")

    monkeypatch.setattr(registry.tasks.predict, "Predictor", Listing)
    line = ["predict", str(tmp_path), *TINY, "--start-at"]
    assert main([*line, str(tmp_path / "2.png")]) == 1
    assert given == [tmp_path / "2.png", tmp_path / "10.png"]  # in natural order
    assert "1.png" not in capsys.readouterr().out
    (tmp_path / "sub").mkdir()
    assert main([*line, str(tmp_path / "sub" / ".." / "10.png")]) == 1
    assert given[2:] == [tmp_path / "10.png"]
    earlier = tmp_path / "earlier.tsv"
    earlier.write_text("the lines of other files")
    assert main([*line, str(tmp_path / "2.png"), "--out", str(earlier)]) == 2
    assert "earlier.tsv holds lines of others than those just before" in capsys.readouterr().err
    assert earlier.read_text() == "the lines of other files"
    assert main([*line, str(tmp_path / "20.png")]) == 2
    assert f"20.png is no file of the inputs; did you mean '{tmp_path}/2" in capsys.readouterr().err


def test_cost_has_written_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Any) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry.tasks.cost, "measure_cost", interrupted)
    assert main(["cost", "--dataset", "toy", *TINY]) == 130
    told = "interrupted; nothing was written; the same line measures anew\n"
    assert capsys.readouterr().err == told
