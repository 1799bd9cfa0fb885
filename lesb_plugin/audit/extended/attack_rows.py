"""Attack what an explanation points at: if that is what counts, little noise there is enough."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.extended.lime import (
    coalition_samples,
    lime_weights,
    part_means,
    segment_means,
    slic_segments,
)
from lesb_plugin.audit.extended.nes import NesRecipe, attacked
from lesb_plugin.audit.extended.study import Image, Stopped, Study
from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE, OWN, commonest
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.row import Aim, Row
from lesb_plugin.explainers.log_odds import log_odds
from lesb_plugin.explainers.perturbation import blurred

__all__ = ["attack_rows"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Order = NDArray[np.int64]
Falls = dict[str, dict[str, float]]  # of one face, by key of a row and by who ranks

_LIME, _RANDOM = "LIME", "random"
_TITLE = "drop in score, attack on the top {count} {what}"
_PARTS, _SEGMENTS = "parts", "segments"
_NO_SLIC = "segments need scikit-image: pip install 'lesb-plugin[audit]'"


@dataclass(frozen=True, slots=True, eq=False)
class _Lime:
    """A fit to one face: indices of segments (S, S), and what each adds to the score (P,)."""

    segments: NDArray[np.int64]
    weights: Array


def attack_rows(study: Study) -> list[Row]:
    """s(x) - s(x attacked) of fakes above 0.5, under the NES attack of `NesRecipe` in a region.

    In units of the score, range about [-1, 1], higher is better: where the region is what made the
    score, an attack there undoes it. Regions are the 1 to `attack_top` parts, or SLIC segments,
    that the explanation ranks highest. Controls rank at random, by LIME (hidden segments are
    blurred; a part has the mean of LIME's weights over its pixels), always the same part, and the
    changed part (parts). Ctrl-C is a `Stopped` with the rows of the faces attacked by then.
    """
    slic = importlib.util.find_spec("skimage") is not None
    kinds = [_SEGMENTS] if slic else []
    if study.z is not None:
        kinds.append(_PARTS)
    falls: dict[int, Falls] = {}  # of the faces that are finished

    def attack(row: int, face: AuditFace) -> Falls | None:
        before = float(study.found.reading.fake[row])
        if before <= 0.5:
            return None
        lime = _lime(study, row, face) if slic else None
        by_kind = [_falls(study, row, face, what, before, lime) for what in kinds]
        falls[row] = {key: fall for each in by_kind for key, fall in each.items()}
        return falls[row]

    try:
        every = study.each_fake(attack, "attacks")
    except KeyboardInterrupt:
        if not falls:
            raise
        raise Stopped(_rows(study, kinds, falls)) from None
    return _rows(study, kinds, {row: each for row, each in every.items() if each is not None})


def _rows(study: Study, kinds: list[str], falls: Mapping[int, Falls]) -> list[Row]:
    rows = [_row(study, key, what, count, falls) for key, what, count in _wanted(study, kinds)]
    if _SEGMENTS not in kinds:
        rows.append(unmeasured("attack.segments", "attack on the top segments", _NO_SLIC))
    return rows


def _wanted(study: Study, kinds: list[str]) -> list[tuple[str, str, int]]:
    """Return key, kind and count of each row; attacking all parts together needs no ranking."""
    most = {_SEGMENTS: study.config.attack_top, _PARTS: _most_parts(study)}
    return [
        (f"attack.{what}_{count}", what, count)
        for what in kinds
        for count in range(1, most[what] + 1)
    ]


def _most_parts(study: Study) -> int:
    return min(study.config.attack_top, len(study.found.names) - 1)


def _row(study: Study, key: str, what: str, count: int, falls: Mapping[int, Falls]) -> Row:
    title = _TITLE.format(count=count, what=what if count > 1 else what[:-1])
    columns: dict[str, Array] = {}  # (n,) by who ranks
    for row, by_key in falls.items():
        for who, fall in by_key.get(key, {}).items():
            columns.setdefault(who, study.column())[row] = fall
    if not columns:
        return unmeasured(key, title, "no fake scores above 0.5")
    rival = _LIME if _LIME in columns else _RANDOM
    aim = Aim(f"beats {rival}", above=rival)
    return mean_row(key, title, aim, columns, study.draws)


def _falls(
    study: Study, row: int, face: AuditFace, what: str, before: float, lime: _Lime | None
) -> Falls:
    """Return the falls of the score for one face."""
    # A face's draws are its own, so that they do not depend on how long other attacks went on.
    rng = study.rng(f"attack {what} {row}")
    if what == _SEGMENTS:
        assert lime is not None  # noqa: S101 - segments are attacked where LIME has some
        orders = _segment_orders(study, row, lime, rng)
        masks = lime.segments == np.arange(len(lime.weights))[:, None, None]
        most = min(study.config.attack_top, len(masks) - 1)
    else:
        masks, most = face.parts, _most_parts(study)
        orders = _part_orders(study, row, lime, rng)
    found: Falls = {}
    known: dict[bytes, float] = {}  # by region: the same one is attacked once
    for count in range(1, most + 1):
        by_order = found[f"attack.{what}_{count}"] = {}
        for who, order in orders.items():
            region = np.asarray(masks[order[:count]].any(axis=0))
            name = region.tobytes()
            if name not in known:
                known[name] = before - _score_after(study, face, region, rng)
            by_order[who] = known[name]
    return found


def _score_after(study: Study, face: AuditFace, region: Flags, rng: np.random.Generator) -> float:
    recipe = NesRecipe(steps=study.config.attack_steps)
    image = attacked(lambda images: _log_odds(study, face, images), face.crop.image, region, recipe,
                     rng)  # fmt: skip
    return float(study.subject.of_images(face.crop, image[None])[0])


def _log_odds(study: Study, face: AuditFace, images: Image) -> Array:
    return log_odds(study.subject.of_images(face.crop, images))


def _segment_orders(
    study: Study, row: int, lime: _Lime, rng: np.random.Generator
) -> Mapping[str, Order]:
    return {
        OWN: np.argsort(-segment_means(study.heat(row), lime.segments), kind="stable"),
        _LIME: np.argsort(-lime.weights, kind="stable"),
        _RANDOM: rng.permutation(len(lime.weights)),
    }


def _lime(study: Study, row: int, face: AuditFace) -> _Lime:
    """Return one fit, from which both the order of segments and that of parts are read."""
    segments = slic_segments(face.crop.image)
    rng = study.rng(f"LIME {row}")
    coalitions = coalition_samples(study.config.lime_samples, int(segments.max()) + 1, rng)
    image, hidden = face.crop.image, blurred(face.crop)
    chunk = study.config.batch
    scores = [
        _log_odds(
            study,
            face,
            np.where(coalitions[at : at + chunk, segments][..., None], image, hidden),
        )
        for at in range(0, len(coalitions), chunk)
    ]
    return _Lime(segments, lime_weights(coalitions, np.concatenate(scores)))


def _part_orders(
    study: Study, row: int, lime: _Lime | None, rng: np.random.Generator
) -> Mapping[str, Order]:
    """Return the orders of parts; ties are broken at random."""
    z = cast(Array, study.z)[row]
    constant = np.zeros(len(z))
    constant[commonest(study.found.truth)] = 1.0
    scores = {OWN: z, ORACLE: study.found.truth[row].astype(np.float64), CONSTANT: constant}
    if lime is not None:
        masks = study.found.faces[row].parts
        scores[_LIME] = part_means(lime.weights, lime.segments, masks)
    orders = {who: np.lexsort((rng.random(len(z)), -each)) for who, each in scores.items()}
    return {**orders, _RANDOM: rng.permutation(len(z))}
