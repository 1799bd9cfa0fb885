"""Register LESB."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from lesb_plugin.weights import ARTEFACTS, INPUT_SIZE, RECIPE, WEIGHTS_SHA256
from registry import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    DetectorSpec,
    hookimpl,
    lazy,
    spec_of,
)


@hookimpl
def bench_backbones() -> Iterable[BackboneSpec]:
    return [
        spec_of(
            "sbi_efflite0",
            RECIPE,
            f"EfficientNet-Lite0 trained with self-blends by this project, {INPUT_SIZE} px",
            lazy("lesb_plugin.weights.shipped:build_sbi_efflite0"),
        )
    ]


@hookimpl
def bench_detectors() -> Iterable[DetectorSpec]:
    return [
        DetectorSpec(
            name="lesb",
            summary="scores from local subspaces of face parts, fused (Locally-Explainable SBI)",
            build=lazy("lesb_plugin.lesb.detector:build_lesb"),
            fit=lazy("lesb_plugin.lesb.fit:fit_lesb"),
            check_fit=lazy("lesb_plugin.lesb.fit:check_lesb"),
            fit_shares=True,
            options=lazy("lesb_plugin.lesb.options:LesbOptions"),
            fit_options=lazy("lesb_plugin.lesb.options:LesbFitOptions"),
            needs_artefact=True,
            scores_parts=True,
            recognises=partial(lazy("lesb_plugin.lesb.fitted:is_fitted_for"), "lesb"),
            precedence=1,
        ),
        DetectorSpec(
            name="lesb_gep",
            summary="LESB in contrastive subspaces: what changes with one part, not with the rest",
            build=lazy("lesb_plugin.gep.detector:build_gep"),
            fit=lazy("lesb_plugin.gep.fit:fit_gep"),
            check_fit=lazy("lesb_plugin.lesb.fit:check_lesb"),
            fit_shares=True,
            options=lazy("lesb_plugin.lesb.options:LesbOptions"),
            fit_options=lazy("lesb_plugin.gep.options:GepFitOptions"),
            needs_artefact=True,
            scores_parts=True,
            recognises=partial(lazy("lesb_plugin.lesb.fitted:is_fitted_for"), "lesb_gep"),
        ),
        DetectorSpec(
            name="lesb_roi",
            summary=(
                "LESB that localises: a head per part on features pooled in it; the face's score is"
                " the backbone's head plus the most suspicious part"
            ),
            build=lazy("lesb_plugin.roi.detector:build_roi"),
            fit=lazy("lesb_plugin.roi.fit:fit_roi"),
            check_fit=lazy("lesb_plugin.roi.fit:check_roi"),
            fit_shares=True,
            fit_options=lazy("lesb_plugin.roi.options:RoiFitOptions"),
            needs_artefact=True,
            scores_parts=True,
            recognises=lazy("lesb_plugin.roi.fitted:is_roi"),
            precedence=2,
            needs_landmarks=True,
        ),
    ]


@hookimpl
def bench_artefacts() -> Iterable[ArtefactSpec]:
    return [
        ArtefactSpec(
            name=f"{detector}_sbi_efflite0",
            summary=summary,
            detector=detector,
            backbone="sbi_efflite0",
            weights_sha256=WEIGHTS_SHA256,
            path=partial(lazy("lesb_plugin.weights.shipped:shipped_artefact"), detector),
        )
        for detector, summary in ARTEFACTS.items()
    ]


@hookimpl
def bench_commands() -> Iterable[CommandSpec]:
    return [
        CommandSpec(
            name="train",
            summary="train a backbone on pseudo-fakes made from real faces; keep the best weights",
            configure=lazy("lesb_plugin.train.command:configure_train"),
            run=lazy("lesb_plugin.train.command:run_train"),
            shares=True,
        ),
        CommandSpec(
            name="autoencoder",
            summary="train the small network that redraws regions for pseudo-fakes",
            configure=lazy("lesb_plugin.train.autoencoder_command:configure_autoencoder"),
            run=lazy("lesb_plugin.train.autoencoder_command:run_autoencoder"),
        ),
        CommandSpec(
            name="quality",
            summary="compare the sharpness of your faces with that of a training style",
            configure=lazy("lesb_plugin.train.quality_command:configure_quality"),
            run=lazy("lesb_plugin.train.quality_command:run_quality"),
        ),
        CommandSpec(
            name="validate",
            summary="measure weights on the pseudo-fakes of val; recalibrate the 0.5 threshold",
            configure=lazy("lesb_plugin.train.validate_command:configure_validate"),
            run=lazy("lesb_plugin.train.validate_command:run_validate"),
        ),
        CommandSpec(
            name="export",
            summary="write a fitted LESB as an ONNX graph, or for a DeepfakeBench checkout",
            configure=lazy("lesb_plugin.export.command:configure_export"),
            run=lazy("lesb_plugin.export.command:run_export"),
        ),
        CommandSpec(
            name="audit",
            summary="measure how good an explanation is, against baselines that ignore the face",
            configure=lazy("lesb_plugin.audit.command:configure_audit"),
            run=lazy("lesb_plugin.audit.command:run_audit_command"),
            audit=lazy("lesb_plugin.audit.part_summary:PartSummary"),
            shares=True,
        ),
    ]
