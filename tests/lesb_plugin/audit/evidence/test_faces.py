"""From a manifest to faces whose change and source are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lesb_plugin.audit.evidence.faces import FaceSet, _chosen, read_faces
from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.lfd.presets import region_preset
from registry import DataError, Frame, Video, prepare_audit
from tests.shared.planted import planted_samples

HEAD = "path,label,identity,method,region,mask,landmarks"
JUDGED = f"{HEAD},perceived"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two drawn people, a mask of eyes and one of the mouth."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    for number, sample in enumerate(planted_samples(2)):
        image, face = sample.load()
        assert face.landmarks is not None
        cv2.imwrite(str(folder / f"{number}.png"), image[..., ::-1])
        np.save(folder / f"{number}.npy", face.landmarks)
        parts = {"eyes": [*range(17, 27), *range(36, 48)], "mouth": list(range(48, 68))}
        for name, rows in parts.items():
            hull = cv2.convexHull(np.rint(face.landmarks[rows]).astype(np.int32))
            mask = np.zeros(image.shape[:2], np.uint8)
            cv2.fillConvexPoly(mask, hull, 255)
            cv2.imwrite(str(folder / f"{name}.png"), mask)
        green = image.copy()
        green[mask > 0] = (0, 255, 0)
        cv2.imwrite(str(folder / f"{number}_fake.png"), green[..., ::-1])
    return folder


def read(
    folder: Path,
    *rows: str,
    head: str = HEAD,
    max_errors: float = 0.5,
    reals_only: bool = False,
) -> FaceSet:
    (folder / "manifest.csv").write_text("\n".join([head, *rows]) + "\n")
    config = AuditConfig(detector="random", backbone=None, dataset=(str(folder),), quiet=True)
    return read_faces(
        prepare_audit(config), region_preset(), None, max_errors, reals_only=reals_only, quiet=True
    )


def test_truth_is_the_region_or_read_off_the_mask(folder: Path) -> None:
    found = read(
        folder,
        "0.png,0,a,,,,0.npy",
        "0_fake.png,1,a,poisson,mouth+nose,mouth.png,0.npy",
        "1_fake.png,1,b,warp,,eyes.png,1.npy",
        "1.png,1,c,unknown,,,1.npy",
    )
    real, by_region, by_mask, unknown = found.faces
    assert (real.fake, real.truth, real.source) == (False, None, None)
    np.testing.assert_array_equal(by_region.truth, [False, True, True])  # type: ignore[arg-type]
    np.testing.assert_array_equal(by_mask.truth, [True, False, False])  # type: ignore[arg-type]
    assert unknown.truth is None
    assert [face.group for face in found.faces[1:]] == ["transplants", "warps", "unknown"]


def test_what_people_perceive_is_read_beside_what_was_changed(folder: Path) -> None:
    found = read(
        folder,
        "0.png,0,a,,,,0.npy,",
        "0_fake.png,1,a,x,mouth,,0.npy,nose+eyes",
        "1_fake.png,1,b,x,mouth,,1.npy,",
        "1.png,1,c,x,mouth,,1.npy,chin",
        head=JUDGED,
    )
    real, judged, unasked = found.faces
    np.testing.assert_array_equal(judged.perceived, [True, True, False])  # type: ignore[arg-type]
    np.testing.assert_array_equal(judged.truth, [False, False, True])  # type: ignore[arg-type]
    assert real.perceived is unasked.perceived is None
    assert "perceived 'chin' is not a part; known: eyes, nose, mouth" in found.failed[0]


def test_what_people_clicked_goes_before_what_they_named(folder: Path) -> None:
    """The place is a fraction of the frame, whatever of it was cropped."""
    rows = ("0_fake.png,1,a,x,,,0.npy,eyes", "1_fake.png,1,b,x,,,1.npy,eyes")
    (folder / "manifest.csv").write_text("\n".join([JUDGED, *rows]) + "\n")
    config = AuditConfig(detector="random", backbone=None, dataset=(str(folder),), quiet=True)
    inputs = prepare_audit(config)
    height, width = cv2.imread(str(folder / "0.png")).shape[:2]
    tip = np.load(folder / "0.npy")[30] / [width, height]
    places = [((float(tip[0]), float(tip[1])),), ((0.0, 0.0),)]
    frames = [
        (video, replace(frame, clicks=clicks))
        for (video, frame), clicks in zip(inputs.frames, places, strict=True)
    ]
    found = read_faces(
        replace(inputs, frames=frames), region_preset(), None, 0, reals_only=False, quiet=True
    )
    clicked, beside = found.faces
    np.testing.assert_array_equal(clicked.perceived, [False, True, False])  # type: ignore[arg-type]
    assert beside.perceived is None  # a click into no part says nothing of parts


def test_a_source_is_the_one_real_image_of_an_identity_in_the_same_pixels(folder: Path) -> None:
    rows = ("0.png,0,a,,,,0.npy", "0_fake.png,1,a,x,mouth,mouth.png,0.npy")
    real, fake = read(folder, *rows).faces
    assert fake.source is not None
    np.testing.assert_array_equal(fake.source.image, real.crop.image)
    changed = (fake.source.image != fake.crop.image).any(axis=2)
    assert changed.any()
    assert fake.mask is not None
    near = cv2.dilate(fake.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert not changed[~near].any()
    two = read(folder, *rows, "1.png,0,a,,,,1.npy").faces
    assert two[1].source is None


def test_faces_that_cannot_be_used_are_told_of(folder: Path) -> None:
    rows = ("0.png,0,a,,,,0.npy", "0_fake.png,1,a,x,chin,,0.npy", "1.png,0,b,,,,1.npy")
    found = read(folder, *rows)
    assert len(found.faces) == 2
    assert "region 'chin' is not a part" in found.failed[0]
    with pytest.raises(DataError, match=r"1 of 3 faces cannot be used.*chin"):
        read(folder, *rows, max_errors=0.1)


def test_a_mask_of_another_size_is_refused(folder: Path) -> None:
    cv2.imwrite(str(folder / "small.png"), np.full((20, 20), 255, np.uint8))
    rows = ("0.png,0,a,,,,0.npy", "0_fake.png,1,a,x,mouth,small.png,0.npy")
    assert "is 20x20, its image 180x200 pixels" in read(folder, *rows).failed[0]


def test_edits_read_real_faces_only(folder: Path) -> None:
    rows = ("0.png,0,a,,,,0.npy", "0_fake.png,1,a,x,chin,,0.npy")
    found = read(folder, *rows, reals_only=True)
    assert [face.fake for face in found.faces] == [False]
    assert found.failed == ()


@pytest.mark.parametrize(
    ("faces", "limit", "chosen"),
    [
        ([6] * 10, 12, 12),
        ([6] * 10, 30, 30),
        ([6] * 10, 35, 30),
        ([6] * 10, 5, 12),  # all faces of two people at least
        ([400, *[1] * 100], 100, 2),  # the first of whom is the one with 400
    ],
)
def test_no_more_faces_than_asked_for(faces: list[int], limit: int, chosen: int) -> None:
    frames = [
        (Video(dataset="d", id=f"{person}/{at}", label=0, identity=f"{person:03}", frames=()),
         Frame(path=Path(f"{person}_{at}.png")))
        for person, count in enumerate(faces)
        for at in range(count)
    ]  # fmt: skip
    found = _chosen(frames, limit)
    people = {video.identity for video, _ in found}
    assert len(people) >= 2
    assert len(found) == sum(faces[int(person or 0)] for person in people)
    assert len(found) <= limit or len(people) == 2
    if faces[0] < 100:
        assert len(found) == chosen
