"""Registers LESB."""

from __future__ import annotations

from collections.abc import Iterable

from registry import DetectorSpec, hookimpl, lazy


@hookimpl
def bench_detectors() -> Iterable[DetectorSpec]:
    return [
        DetectorSpec(
            name="lesb",
            summary="scores from local subspaces of face parts, fused (Locally-Explainable SBI)",
            build=lazy("lesb_plugin.lesb.detector:build_lesb"),
            fit=lazy("lesb_plugin.lesb.fit:fit_lesb"),
            options=lazy("lesb_plugin.lesb.options:LesbOptions"),
            fit_options=lazy("lesb_plugin.lesb.options:LesbFitOptions"),
            needs_artefact=True,
        )
    ]
