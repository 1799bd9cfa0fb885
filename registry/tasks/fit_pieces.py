"""The folder in which a fit leaves finished parts of its work, for the run that follows a kill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from registry.contracts.detector import FitContext
from registry.faces.real_faces import FaceSample
from registry.files import cache_or_scratch
from registry.fingerprints import fingerprint
from registry.plugins.specs import DetectorSpec
from registry.ranks import of_first, wait_for_all
from registry.results.provenance import git_hash, versions
from registry.scoring.cache_limit import cache_limit, prune
from registry.scoring.chunks import frame_stamp

__all__ = ["with_pieces"]


@contextmanager
def with_pieces(spec: DetectorSpec, context: FitContext) -> Iterator[FitContext]:
    """Give a fit of FaceSamples its folder in the cache, which is removed if the block ends well.

    What fits have left that nobody continued stays within the cache's limit.
    """
    folder = cache_or_scratch() / "fits"
    prune([folder], cache_limit())
    key = _key(spec, context)
    own = folder / (of_first(key) if spec.fit_shares else key)
    yield replace(context, pieces=own)
    if spec.fit_shares:
        wait_for_all()  # another rank may fail yet
    shutil.rmtree(own, ignore_errors=True)


def _key(spec: DetectorSpec, context: FitContext) -> str:
    """Hash everything that decides what a face becomes: files by their content (sha256)."""
    known: dict[Path, tuple[str | int, ...]] = {}
    frames = [
        [sample.key, sample.reader.fingerprint, *frame_stamp(sample.frame, known)]
        for sample in cast("list[FaceSample]", [*context.train, *context.val])
    ]
    options = None if context.options is None else asdict(context.options)
    packages = [spec.source] if spec.source else []
    of_code = [spec.name, spec.source, versions(packages), git_hash()]
    return fingerprint(
        [of_code, context.embedder.encoder, options, context.seed, len(context.train), frames]
    )
