"""Registers the explainers, `bench explain`, `bench serve` and `bench figure`."""

from __future__ import annotations

from collections.abc import Iterable

from registry import CommandSpec, ExplainerSpec, hookimpl, lazy

_OPTIONS = lazy("lesb_plugin.explainers.options:ExplainOptions")
# Blur looks fake to many detectors: hiding anything may raise the score.
_BLURRED = "log-odds lost when it is blurred; compare parts, as blur itself can look fake"
_EXPLAINERS = {
    "cam": (
        "maps of every head by gradient, at any layer; at the last one without a backward pass",
        "lesb_plugin.explainers.maps:build_cam",
        "",
    ),
    "parts": (
        "the face's logit, taken apart into what each part adds to it; exact, mean-pooled networks",
        "lesb_plugin.explainers.decomposition:build_parts",
        "log-odds of fake, from the mean of real faces",
    ),
    "occlusion": (
        "how far the score falls as each part is blurred; any detector",
        "lesb_plugin.explainers.occlusion:build_occlusion",
        _BLURRED,
    ),
    "occlusion_grid": (
        "how far the score falls as each cell of a grid is blurred; any detector",
        "lesb_plugin.explainers.occlusion:build_occlusion_grid",
        "",
    ),
    "shapley": (
        "each part's exact Shapley value in the score, of all sets of blurred parts; any detector",
        "lesb_plugin.explainers.shapley:build_shapley",
        _BLURRED,
    ),
    "contrastive": (
        "how much further than real faces lie a face lies from its nearest real faces, by part",
        "lesb_plugin.explainers.contrastive:build_contrastive",
        "standard deviations of real faces",
    ),
    "rollout": (
        "gradient rollout of a transformer's attention, for every head",
        "lesb_plugin.explainers.rollout:build_rollout",
        "",
    ),
}


@hookimpl
def bench_explainers() -> Iterable[ExplainerSpec]:
    return [
        *(
            ExplainerSpec(
                name=name, summary=summary, build=lazy(target), options=_OPTIONS, unit=unit
            )
            for name, (summary, target, unit) in _EXPLAINERS.items()
        ),
        ExplainerSpec(
            name="part_heads",
            summary="what each position of a part says to the part's own head; exact, lesb_roi",
            build=lazy("lesb_plugin.roi.maps:build_part_heads"),
        ),
    ]


@hookimpl
def bench_commands() -> Iterable[CommandSpec]:
    return [
        CommandSpec(
            name="explain",
            summary="report whether and where images and videos were manipulated; one page each",
            configure=lazy("lesb_plugin.explain.command:configure_explain"),
            run=lazy("lesb_plugin.explain.command:run_explain"),
            function=lazy("lesb_plugin.explain.api:explain"),
        ),
        CommandSpec(
            name="serve",
            summary="a page on this machine where a photo or a clip is dropped and explained",
            configure=lazy("lesb_plugin.serve.command:configure_serve"),
            run=lazy("lesb_plugin.serve.command:run_serve"),
        ),
        CommandSpec(
            name="figure",
            summary="pictures of a run: maps by part, faces by outcome, fakes by manipulation",
            configure=lazy("lesb_plugin.figure.command:configure_figure"),
            run=lazy("lesb_plugin.figure.command:run_figure"),
        ),
    ]
