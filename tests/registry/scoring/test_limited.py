"""A run on few videos: which ones, and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from registry.contracts.types import Frame, Video, VideoIndex
from registry.scoring.limited import limited


def video(number: int, method: str = "", dataset: str = "d") -> Video:
    frames = (Frame(path=Path(f"{number}.png")),)
    name = f"{method}{number}"
    return Video(dataset=dataset, id=name, label=int(bool(method)), method=method, frames=frames)  # type: ignore[arg-type]


FULL = VideoIndex(
    videos=(
        *(video(number) for number in range(30)),
        *(video(number, "rare") for number in range(2)),
        *(video(number, "swap") for number in range(40)),
        *(video(number, "warp") for number in range(40)),
    ),
    notes=("a note of the reader",),
)


def names(data: Sequence[VideoIndex]) -> list[str]:
    return [each.id for index in data for each in index]


def test_fakes_come_from_the_methods_in_turn() -> None:
    (index,) = limited([FULL], 9)
    counts = Counter(each.method for each in index)
    assert counts.pop("") == 9
    assert counts.pop("rare") == 2  # all that there are; the others share the rest
    assert sorted(counts.values()) == [3, 4]
    (three,) = limited([FULL], 3)
    assert Counter(each.method for each in three if each.label) == {"rare": 1, "swap": 1, "warp": 1}
    (one,) = limited([FULL], 1)
    assert [each.label for each in one] == [0, 1]


def test_the_choice_depends_on_names_and_seed_alone_and_grows_with_the_limit() -> None:
    backwards = VideoIndex(videos=FULL.videos[::-1])
    assert names(limited([backwards], 7))[::-1] == names(limited([FULL], 7))
    assert set(names(limited([FULL], 5))) < set(names(limited([FULL], 7)))
    assert set(names(limited([FULL], 7, seed=1))) != set(names(limited([FULL], 7)))
    places = [FULL.videos.index(each) for index in limited([FULL], 7) for each in index]
    assert places == sorted(places)
    first = [each for each in names(limited([FULL], 5)) if each.isdigit()]
    assert first != ["0", "1", "2", "3", "4"]  # a choice, not the beginning


def test_a_part_of_a_data_set_says_so_and_a_whole_one_does_not() -> None:
    other = VideoIndex(videos=tuple(video(number, dataset="small") for number in range(3)))
    found, whole = limited([FULL, other], 4)
    note, trial = found.notes
    assert note == "a note of the reader"
    assert trial.startswith("d: a trial on 4 of 30 real and 4 of 82 fake videos (--limit 4), no")
    assert whole == other
    assert limited([FULL, other], None) == [FULL, other]
