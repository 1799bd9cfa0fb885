"""Painted faces, and a detector of which it is known what it sees: green."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected, collect
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.subject import Subject
from lesb_plugin.audit.evidence.truth import wide_masks
from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.options import ROWS, AuditConfig
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import STILL, part_mask
from registry import AuditInputs, Crop, CropPolicy, Explanation, Scores
from registry import crop_face as cut
from tests.shared.planted import planted_samples

__all__ = [
    "NAMES",
    "SIZE",
    "GreenDetector",
    "collected",
    "green_map",
    "hulls",
    "inputs",
    "painted_faces",
    "study_of",
]

SIZE, NAMES = 96, ("eyes", "nose", "mouth")
Explain = Callable[[Sequence[Crop]], list[Explanation]]


def _greenness(crop: Crop) -> NDArray[np.float64]:
    """(S, S): how far green lies above red; edits here are green, faces are not."""
    image = crop.image.astype(float)
    return np.clip(image[..., 1] - image[..., 0] - 40, 0, None) / 255


def hulls(crop: Crop) -> NDArray[np.bool_]:
    """(K, S, S) of the parts proper: no two of them touch."""
    assert crop.landmarks is not None
    rng = np.random.default_rng(0)
    parts = region_preset().parts
    return np.stack([part_mask(crop.landmarks, part, SIZE, STILL, rng) > 0 for part in parts])


@dataclass(frozen=True)
class GreenDetector:
    """Sees green: as fake anywhere, and in each part; `blind` gives all parts the face's score."""

    blind: bool = False

    def score(self, crops: Sequence[Crop]) -> Scores:
        heats, masks = [_greenness(crop) for crop in crops], [hulls(crop) for crop in crops]
        fake = np.array([min(1.0, 8 * heat.mean() + 0.01) for heat in heats])
        parts = {
            name: fake if self.blind else np.array(
                [0.01 + 0.9 * heat[mask[k]].mean() for heat, mask in zip(heats, masks, strict=True)]
            )
            for k, name in enumerate(NAMES)
        }  # fmt: skip
        return Scores(fake=fake, regions=parts)


def green_map(crops: Sequence[Crop]) -> list[Explanation]:
    heats = [cv2.resize(_greenness(crop), (24, 24), interpolation=cv2.INTER_AREA) for crop in crops]
    return [Explanation(maps={"face": heat.astype(np.float32)}) for heat in heats]


def inputs(detector: Any, explain: Explain | None = None, embedder: Any = None) -> AuditInputs:
    unused: Any = None
    return AuditInputs(
        detector=detector,
        explain=explain,
        embedder=embedder,
        crop=CropPolicy(size=SIZE),
        reader=unused,
        frames=(),
        data_fingerprint="",
        weights_sha256="",
        artefact_sha256="",
    )


def painted_faces(people: int = 10) -> list[AuditFace]:
    """People: each as a real, with one part and with all parts made greener."""
    out = []
    for number, sample in enumerate(planted_samples(people)):
        crop = cut(*sample.load(), CropPolicy(size=SIZE))
        parts = wide_masks(crop.landmarks, region_preset(), SIZE)  # type: ignore[arg-type]
        out.append(AuditFace(crop=crop, fake=False, identity=str(number), parts=parts))
        for truth in (np.arange(3) == number % 3, np.ones(3, bool)):
            image, mask = crop.image.copy(), hulls(crop)[truth].any(axis=0)
            image[mask] = (40, 200 - 5 * number, 60)
            out.append(
                AuditFace(
                    crop=replace(crop, image=image),
                    fake=True,
                    identity=str(number),
                    parts=parts,
                    method="paint",
                    group="paint",
                    truth=truth,
                    mask=mask,
                    source=crop,
                )
            )
    return out


def collected(faces: list[AuditFace], detector: Any, explain: Explain | None = None) -> Collected:
    subject = Subject(inputs(detector, explain), NAMES, 16, quiet=True)
    return collect(subject, faces, region_preset(), ROWS, np.random.default_rng(0))


def study_of(
    faces: list[AuditFace],
    detector: Any,
    explain: Explain | None = None,
    embedder: Any = None,
    **config: Any,
) -> Study:
    """What extended rows work on."""
    subject = Subject(inputs(detector, explain, embedder), NAMES, 16, quiet=True)
    found = collect(subject, faces, region_preset(), (), np.random.default_rng(0))
    fake = (~found.real).astype(np.int64)
    draws = Draws(fake, found.identity, 100, np.random.default_rng(1))
    return Study.of(subject, found, draws, AuditConfig(quiet=True, **config))
