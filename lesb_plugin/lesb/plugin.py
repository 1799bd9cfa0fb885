"""Registers LESB."""

from __future__ import annotations

from collections.abc import Iterable

from registry import CommandSpec, DetectorSpec, hookimpl, lazy


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


@hookimpl
def bench_commands() -> Iterable[CommandSpec]:
    return [
        CommandSpec(
            name="train",
            summary="train a backbone on pseudo-fakes made of real faces; keep the best weights",
            configure=lazy("lesb_plugin.lesb.train.command:configure_train"),
            run=lazy("lesb_plugin.lesb.train.command:run_train"),
        )
    ]
