"""Fit the model of faces that `toy` draws from (registry/builtin/datasets/toy/toy_faces.npz).

Run by hand:

    python tests/benchmarks/fit_toy_faces.py PORTRAITS OUT.npz

where PORTRAITS is the folder of public-domain portraits before a blue backdrop, with 81 landmarks.
Fits on the splits train and val; prints what the model keeps, and how far draws are from the people
it was fitted on, next to how far those are from each other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from toy_portraits import Portrait, filled, read_portraits

from registry.builtin.datasets.toy.model import HEAD, LANDMARKS, split_planes
from registry.builtin.datasets.toy.people import draw_person
from registry.builtin.datasets.toy.warp import SIZE, spline_map, warp
from tests.shared.scripts import run_script

RANK = 120
CLOTHES_RANK = 10  # ties and collars of many people make no pattern; only their tones are kept
COARSEST = 0.5  # grey levels, the least step of a mode in the file
POINT_WEIGHT = 60.0  # grey levels that a pixel's shift counts as much as
Matrix = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    people = read_portraits(args.portraits)
    hidden = np.array([person.long_hair for person in people])
    say(f"{len(people)} people, {hidden.sum()} of them with long hair")
    shapes = complete_points(np.array([person.points for person in people]), hidden)
    mean = shapes.mean(axis=0)
    pictures = np.array([planes(p, shape, mean) for p, shape in zip(people, shapes, strict=True)])
    pictures = complete_planes(pictures, hidden, mean)
    values, scores, point_modes, plane_modes = modes(shapes, pictures)
    say(f"{RANK} modes keep {values[:RANK].sum() / values.sum():.1%} of the weighted variance")
    plane_modes *= keep(mean, pictures)
    steps = np.maximum(np.abs(plane_modes).max(axis=1) / 127, COARSEST)
    np.savez_compressed(
        args.out,
        mean_points=mean.astype(np.float32),
        point_modes=point_modes.T.astype(np.float32),
        mean_planes=pictures.mean(axis=0).astype(np.float16),
        plane_modes=np.rint(plane_modes / steps[:, None]).astype(np.int8),
        steps=steps.astype(np.float32),
    )
    say(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")
    say_distances(scores, np.ones(RANK), "in standard deviations")
    say_distances(scores, np.sqrt(values[:RANK] / values[:RANK].mean()), "by the modes' sizes")


def complete_points(shapes: NDArray[np.float64], hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Outlines that long hair hides, as those of others with the like faces (iterated PCA)."""
    flat = shapes.reshape(len(shapes), -1).copy()
    known = 2 * LANDMARKS
    for _ in range(20):
        centre = flat.mean(axis=0)
        u, s, vt = np.linalg.svd(flat - centre, full_matrices=False)
        flat[hidden, known:] = (centre + (u[:, :12] * s[:12]) @ vt[:12])[hidden, known:]
    return flat.reshape(shapes.shape)


def planes(person: Portrait, shape: NDArray[np.float64], mean: NDArray[np.float64]) -> Matrix:
    where = spline_map(mean, shape)
    return split_planes(warp(person.person, where), np.clip(warp(person.opacity, where), 0, 1))


def complete_planes(
    pictures: Matrix, hidden: NDArray[np.bool_], mean: NDArray[np.float64]
) -> Matrix:
    """Ears, neck and clothes behind long hair, likewise; the face fades into them."""
    face = cv2.erode(
        filled(mean[:LANDMARKS], (SIZE, SIZE)).astype(np.float32), np.ones((13, 13), np.uint8)
    )
    known = per_plane(cv2.GaussianBlur(face, (0, 0), 5), opacity=0.0)
    whole = pictures.copy()
    whole[hidden] = pictures[~hidden].mean(axis=0)
    for _ in range(8):
        whole[hidden] = known * pictures[hidden] + (1 - known) * whole[hidden]
        centre = whole.mean(axis=0)
        apart = whole - centre
        _, vectors = np.linalg.eigh(apart @ apart.T)
        leading = vectors[:, -25:]
        whole[hidden] = centre + leading[hidden] @ (leading.T @ apart)
    whole[hidden] = known * pictures[hidden] + (1 - known) * whole[hidden]
    return whole


def modes(
    shapes: NDArray[np.float64], pictures: Matrix
) -> tuple[NDArray[np.float64], Matrix, Matrix, Matrix]:
    """Variances, scores (N, K) of unit variance, and modes of points (K, 2 P) and planes (K, D).

    A PCA of points and pixels at once, those of the face with more weight than those around it.
    """
    mean = shapes.mean(axis=0)
    face = cv2.GaussianBlur(filled(mean[:LANDMARKS], (SIZE, SIZE)).astype(np.float32), (0, 0), 8)
    weight = per_plane(0.5 + 1.5 * face, opacity=1.0)
    apart = pictures - pictures.mean(axis=0)
    moved = (shapes - mean).reshape(len(shapes), -1).astype(np.float32)
    both = np.hstack([apart * weight, moved * POINT_WEIGHT])
    values, vectors = np.linalg.eigh((both @ both.T).astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1][:, :RANK]
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(RANK)])  # one of two signs
    scores = (vectors * np.sqrt(len(shapes))).astype(np.float32)
    return values, scores, scores.T @ moved / len(shapes), scores.T @ apart / len(shapes)


def keep(mean: NDArray[np.float64], pictures: Matrix) -> Matrix:
    """Factors (K, D) that take the later modes out of the clothes, and all out of the backdrop."""
    shape = (SIZE, SIZE)
    head = cv2.dilate(
        filled(mean[:HEAD], shape).astype(np.uint8), cv2.getStructuringElement(2, (19, 19))
    )
    clothes = 1 - head.astype(np.float32)
    clothes[: int(mean[48:60, 1].mean())] = 0
    factors = np.ones((RANK, pictures.shape[1]), dtype=np.float32)
    factors[CLOTHES_RANK:] -= per_plane(cv2.GaussianBlur(clothes, (0, 0), 5))
    opacity = pictures[:, -((SIZE // 2) ** 2) :].reshape(-1, SIZE // 2, SIZE // 2)
    seen = cv2.resize(np.percentile(opacity, 98, axis=0), shape)
    seen = cv2.GaussianBlur((seen > 20).astype(np.float32), (0, 0), 2)
    return factors * per_plane(seen)


def per_plane(mask: Matrix, opacity: float | None = None) -> Matrix:
    """A mask (256, 256) for each entry of `split_planes`; `opacity` is that plane's, if its own."""
    half = cv2.resize(mask, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA).ravel()
    last = half if opacity is None else np.full_like(half, opacity)
    return np.concatenate([mask.ravel(), half, half, last]).astype(np.float32)


def say_distances(scores: Matrix, size: NDArray[np.float64], unit: str) -> None:
    """How far draws are from the people, and these from each other; `size` (K,) weighs modes."""
    draws = [draw_person(np.random.default_rng(seed), RANK).latent for seed in range(1000)]
    to_people = cdist(np.array(draws) * size, scores * size).min(axis=1)
    apart = cdist(scores * size, scores * size)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    say(
        f"{unit}: from a draw to the nearest person {to_people.min():.1f} at least, "
        f"{np.median(to_people):.1f} in the median; from a person to the nearest other "
        f"{nearest.min():.1f} and {np.median(nearest):.1f}"
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    run_script(main)
