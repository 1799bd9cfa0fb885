"""Register the explainers, `bench explain`, `bench serve`, `bench figure` and `bench benchmark`."""

from __future__ import annotations

from collections.abc import Iterable

from registry import CommandSpec, ExplainerSpec, hookimpl, lazy

_OPTIONS = lazy("lesb_plugin.explainers.options:ExplainOptions")
# Blur looks fake to many detectors: hiding anything may raise the score.
_BLURRED = (
    "drop in log-odds when the part is blurred; compare parts with each other, as blur"
    " itself can look fake"
)
_EXPLAINERS = (
    ExplainerSpec(
        name="cam",
        summary=(
            "class activation maps of every head by gradient at any layer; at the last layer"
            " without a backward pass"
        ),
        build=lazy("lesb_plugin.explainers.maps:build_cam"),
        options=_OPTIONS,
    ),
    ExplainerSpec(
        name="parts",
        summary=(
            "exact split of the face's logit into what each part adds; for mean-pooled networks"
        ),
        build=lazy("lesb_plugin.explainers.decomposition:build_parts"),
        options=_OPTIONS,
        unit="log-odds of fake, relative to the mean of real faces",
    ),
    ExplainerSpec(
        name="occlusion",
        summary="drop in score when each part is blurred; any detector",
        build=lazy("lesb_plugin.explainers.occlusion:build_occlusion"),
        options=_OPTIONS,
        unit=_BLURRED,
    ),
    ExplainerSpec(
        name="occlusion_grid",
        summary="drop in score when each cell of a grid is blurred; any detector",
        build=lazy("lesb_plugin.explainers.occlusion:build_occlusion_grid"),
        options=_OPTIONS,
    ),
    ExplainerSpec(
        name="shapley",
        summary=(
            "exact Shapley value of each part for the score, over all subsets of blurred"
            " parts; any detector"
        ),
        build=lazy("lesb_plugin.explainers.shapley:build_shapley"),
        options=_OPTIONS,
        unit=_BLURRED,
    ),
    ExplainerSpec(
        name="contrastive",
        summary="distance of each part from the nearest real faces, relative to that of real faces",
        build=lazy("lesb_plugin.explainers.contrastive:build_contrastive"),
        options=_OPTIONS,
        unit="standard deviations of real faces",
        detector_parts=True,
    ),
    ExplainerSpec(
        name="rollout",
        summary="gradient rollout of a transformer's attention, for every head",
        build=lazy("lesb_plugin.explainers.rollout:build_rollout"),
        options=_OPTIONS,
    ),
    ExplainerSpec(
        name="part_heads",
        summary="exact contribution of each position of a part to that part's own head; lesb_roi",
        build=lazy("lesb_plugin.roi.maps:build_part_heads"),
        detector_parts=True,
    ),
)


@hookimpl
def bench_explainers() -> Iterable[ExplainerSpec]:
    return _EXPLAINERS


@hookimpl
def bench_commands() -> Iterable[CommandSpec]:
    return [
        CommandSpec(
            name="explain",
            summary="report whether and where images and videos were manipulated, one page each",
            configure=lazy("lesb_plugin.explain.command:configure_explain"),
            run=lazy("lesb_plugin.explain.command:run_explain"),
            function=lazy("lesb_plugin.explain.api:explain"),
        ),
        CommandSpec(
            name="serve",
            summary="serve a local page where a photo or clip can be dropped to get its report",
            configure=lazy("lesb_plugin.serve.command:configure_serve"),
            run=lazy("lesb_plugin.serve.command:run_serve"),
        ),
        CommandSpec(
            name="figure",
            summary="draw figures of a run: maps by part, faces by outcome, fakes by manipulation",
            configure=lazy("lesb_plugin.figure.command:configure_figure"),
            run=lazy("lesb_plugin.figure.command:run_figure"),
        ),
        CommandSpec(
            name="benchmark",
            summary="compare speed here with other ways to the same numbers, as ratios",
            configure=lazy("lesb_plugin.benchmark.command:configure_benchmark"),
            run=lazy("lesb_plugin.benchmark.command:run_benchmark"),
        ),
    ]
