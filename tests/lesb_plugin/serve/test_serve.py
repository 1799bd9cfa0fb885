"""`bench serve`: the page, its report, what it refuses, and that nothing stays behind."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import registry.tasks.predict
from lesb_plugin.explain.command import write_files
from lesb_plugin.explain.explained import Explaining
from lesb_plugin.serve import command
from lesb_plugin.serve.command import check_extra, listening
from lesb_plugin.serve.config import ServeConfig
from lesb_plugin.serve.pages import error_page, front_page
from registry import ConfigError
from registry.cli import main
from tests.shared.chromium import chromium, needs_chromium, with_script
from tests.shared.drawn_files import drawn_plugins, portrait, write
from tests.shared.page_checks import axe_violations, faults
from tests.shared.tiny import write_reals

for _name in ("starlette", "uvicorn", "python_multipart", "httpx2"):
    pytest.importorskip(_name, reason=f"no {_name}: pip install 'lesb-plugin[serve]' httpx2")

from starlette.testclient import TestClient  # noqa: E402

from lesb_plugin.serve.app import application  # noqa: E402

HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ServeConfig:
    return ServeConfig(
        detector="three",
        backbone="tiny",
        face_detector="drawn",
        landmarker="mean",
        reference=write_reals(tmp_path_factory.mktemp("reals"), 24),
        quiet=True,
        workers=0,
        max_megabytes=1,
    )


@pytest.fixture(scope="module")
def explaining(config: ServeConfig) -> Iterator[Explaining]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.tasks.predict, "load_plugins", drawn_plugins)
        yield Explaining(config)


@pytest.fixture
def client(explaining: Explaining, config: ServeConfig) -> TestClient:
    return TestClient(application(explaining, config), HERE, raise_server_exceptions=False)


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    return write(tmp_path / "drawn.png", portrait()).read_bytes()


def sent(client: TestClient, data: bytes, name: str = "a.png", **headers: str) -> Any:
    return client.post("/report", files={"file": (name, data)}, headers=headers)


# --- the report ------------------------------------------------------------------------------


def test_the_front_page_takes_a_file_and_everybody_can_use_it(client: TestClient) -> None:
    found = client.get("/")
    assert found.status_code == 200
    assert faults(found.text) == []
    assert '<input type="file" name="file"' in found.text
    assert found.headers["cache-control"] == "no-store"


def test_a_photo_is_answered_with_the_report_of_bench_explain(
    client: TestClient, explaining: Explaining, photo: bytes, tmp_path: Path
) -> None:
    found = sent(client, photo)
    assert found.status_code == 200
    file = tmp_path / "a.png"
    file.write_bytes(photo)
    (each,) = explaining([file])
    write_files(each, explaining, tmp_path, "a")
    theirs = (tmp_path / "a.html").read_text("utf-8")
    heading = re.compile(r"<h1.*?</h1>", re.S)
    pictures = re.compile(r"data:image/[^\"]*")
    assert pictures.findall(found.text) == pictures.findall(theirs)
    assert len(pictures.findall(theirs)) > 1
    verdict = each.verdict.word
    assert verdict is not None
    assert found.text.count(verdict) == theirs.count(verdict) > 0
    assert heading.findall(found.text)
    assert '<a href="/">Another file</a>' in found.text
    assert "bench-serve" not in found.text  # the scratch folder


def test_a_file_without_a_face_has_a_report_with_the_reason(
    client: TestClient, tmp_path: Path
) -> None:
    blank = write(tmp_path / "blank.png", portrait() * 0).read_bytes()
    found = sent(client, blank)
    assert found.status_code == 200
    assert "no face found" in found.text


def test_the_model_is_loaded_once_and_files_wait_for_each_other(
    client: TestClient, explaining: Explaining, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, most = 0, 0
    real = Explaining.__call__

    def watched(self: Explaining, inputs: Any) -> Any:
        nonlocal busy, most
        assert self is explaining
        busy += 1
        most = max(most, busy)
        try:
            time.sleep(0.05)
            yield from real(self, inputs)
        finally:
            busy -= 1

    monkeypatch.setattr(Explaining, "__call__", watched)
    with client:
        threads = [threading.Thread(target=sent, args=(client, photo)) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert (busy, most) == (0, 1)


# --- what stays ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["good", "unread", "large", "fault"])
def test_nothing_stays_on_the_disk(
    client: TestClient,
    photo: bytes,
    tmp_path: Path,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    if case == "fault":
        monkeypatch.setattr(Explaining, "__call__", lambda *_: 1 / 0)
    data = photo + bytes(2_000_000 if case == "large" else 0)
    status = sent(client, data, "a.exe" if case == "unread" else "a.png").status_code
    assert status == {"good": 200, "unread": 200, "large": 413, "fault": 500}[case]
    assert list(scratch.rglob("*")) == []


# --- what is refused -------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_one_sentence(client: TestClient, photo: bytes) -> None:
    found = sent(client, photo + bytes(1_050_000))
    assert found.status_code == 413
    assert (
        "The file is larger than 1 MB; for larger files start bench serve with a higher"
        " --max-megabytes." in found.text
    )
    assert faults(found.text) == []


def test_a_length_that_was_not_announced_is_counted(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range(40):
            yield bytes(100_000)

    found = client.post(
        "/report",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert found.status_code == 413


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("a.exe", b"MZ", "a.exe"),
        ("<b>.txt", b"x", "b.txt"),
        ("broken.png", b"no picture", "broken.png"),
    ],
)
def test_what_cannot_be_read_is_told_on_the_page(
    client: TestClient, name: str, data: bytes, shown: str
) -> None:
    found = sent(client, data, name)
    assert found.status_code == 200  # a report with the reason, as `bench explain` writes it
    assert shown in found.text
    assert "NOT READ" in found.text
    assert "<b>.txt" not in found.text
    assert "Traceback" not in found.text


def test_a_form_without_a_file_is_told(client: TestClient) -> None:
    found = client.post("/report", data={"other": "x"})
    assert found.status_code == 400
    assert "choose a photo or a clip" in found.text


@pytest.mark.parametrize("name", ["../../etc/x.png", "/root/x.png", "..\\x.png"])
def test_a_name_is_no_path(client: TestClient, photo: bytes, name: str) -> None:
    found = sent(client, photo, name)
    assert found.status_code == 200
    assert "etc" not in re.sub(r"base64,[^\"]*", "", found.text)


def test_other_names_of_this_machine_are_refused(client: TestClient, photo: bytes) -> None:
    assert client.get("/", headers={"host": "evil.example:8765"}).status_code == 400
    assert sent(client, photo, host="evil.example:8765").status_code == 400
    assert client.get("/", headers={"host": "localhost:8765"}).status_code == 200


def test_the_form_of_another_page_is_refused(client: TestClient, photo: bytes) -> None:
    assert sent(client, photo, origin="http://evil.example").status_code == 403
    assert sent(client, photo, origin="null").status_code == 403
    assert sent(client, photo, origin=HERE).status_code == 200


# --- the command -----------------------------------------------------------------------------


def test_the_socket_is_of_this_machine_alone_and_a_taken_port_is_told() -> None:
    with listening(0) as first:
        host, port = first.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{port}: .* --port 0"):
            listening(port)


def test_a_missing_extra_is_one_sentence_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "uvicorn" else real(name, *a)
    )
    monkeypatch.setattr("lesb_plugin.explain.explained.Explaining", None)
    assert main(["serve"]) == 2
    err = capsys.readouterr().err
    assert "bench serve needs uvicorn: pip install 'lesb-plugin[serve]'" in err
    monkeypatch.undo()
    check_extra()


def test_port_and_size_are_flags_and_their_bounds_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ServeConfig().most_bytes == 200_000_000
    assert main(["serve", "--port", "70000"]) == 2
    assert "port" in capsys.readouterr().err
    assert main(["serve", "--max-megabytes", "0"]) == 2
    assert "max" in capsys.readouterr().err


# --- a browser -------------------------------------------------------------------------------


@pytest.mark.slow
@needs_chromium
def test_a_photo_dropped_on_the_page_becomes_its_report(
    explaining: Explaining,
    config: ServeConfig,
    photo: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import uvicorn

    from lesb_plugin.serve import app as module

    drop = (
        f"const bytes = Uint8Array.from(atob({json.dumps(b64encode(photo).decode())}),"
        " (each) => each.charCodeAt(0));"
        "const given = new DataTransfer(); given.items.add(new File([bytes], 'dropped.png'));"
        "document.querySelector('.drop').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: given, bubbles: true, cancelable: true}));"
    )
    plain = module.front_page

    def dropping(*given: Any) -> str:
        """The page after somebody's drop."""
        return with_script(plain(*given), drop)

    monkeypatch.setattr(module, "front_page", dropping)
    settings = uvicorn.Config(application(explaining, config), log_level="error", lifespan="off")
    server = uvicorn.Server(settings)
    with listening(0) as socket:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{socket.getsockname()[1]}/"
        dom = chromium(tmp_path, "--virtual-time-budget=60000", "--dump-dom", address).stdout
        server.should_exit = True
        thread.join(30)
    assert "dropped.png" in dom
    assert "Another file" in dom
    assert "No report" not in dom


def test_the_command_serves_what_it_loaded(
    config: ServeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything but the waiting: the address that is printed, and the page that is opened."""
    opened: list[str] = []
    ran: list[Any] = []
    monkeypatch.setattr(registry.tasks.predict, "load_plugins", drawn_plugins)
    monkeypatch.setattr("registry.cli.detector_flags.load_plugins", drawn_plugins)
    monkeypatch.setattr("registry.tasks.ready.load_plugins", drawn_plugins)
    monkeypatch.setattr(command.webbrowser, "open", lambda where: opened.append(where) or True)
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: ran.append(sockets))
    line = ["serve", "--detector", "three", "--backbone", "tiny", "--face-detector", "drawn"]
    line += ["--landmarker", "mean", "--reference", config.reference, "--quiet", "--port", "0"]
    assert main([*line, "--open"]) == 0
    out = capsys.readouterr().out
    (address,) = opened
    assert f"drop a photo or a clip at {address} (Ctrl-C ends it)" in out
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    assert len(ran) == 1


def test_a_server_without_verdicts_scores_no_real_faces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("registry.tasks.reference._score", None)
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    assert main(["serve", "--detector", "random", "--quiet", "--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert "drop a photo" in out
    assert "real faces" not in err


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
@pytest.mark.parametrize(
    "page", [front_page("lesb", 200), error_page("a sentence")], ids=["front", "error"]
)
def test_axe_finds_nothing_either(page: str, scheme: str, width: int, tmp_path: Path) -> None:
    assert axe_violations(page, tmp_path, scheme=scheme, width=width) == []
