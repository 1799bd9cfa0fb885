from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from registry import check_inputs
from registry.backbones.checkpoint import load_state
from registry.cli import main
from registry.contracts.types import DataOptions
from registry.data.index import find_index, resolve_data
from registry.data.needs import absent_data
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import load_plugins
from registry.results.fit_report import artefact_file
from registry.results.predictions import read_predictions
from registry.results.result import Result
from registry.settings.load import load_yaml, resolve
from registry.settings.tasks import EvalConfig
from registry.urls import refuse_url, url_of


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("s3://bucket/a.tar", "s3://bucket/a.tar"),
        ("s3:/bucket/a.tar", "s3://bucket/a.tar"),
        ("simplecache::gs://b/c", "simplecache::gs://b/c"),
        ("HTTPS://X.org/A.jpg", "https://X.org/A.jpg"),
        ("SimpleCache::S3://B/c", "simplecache::s3://B/c"),
        ("c:/data/a.tar", ""),
        ("/data/a.tar", ""),
        ("C:/data/a.tar", ""),
        ("a:b/c.tar", ""),
    ],
)
def test_a_path_keeps_the_url_that_it_was_made_of(path: str, url: str) -> None:
    assert url_of(path) == url_of(Path(path)) == url


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("https://x.org/a.jpg", "download it first, for example `curl -LO 'https://x.org/a.jpg'`"),
        ("s3://b/c/a.mp4", "download it first, for example `aws s3 cp 's3://b/c/a.mp4' .`"),
        ("gs://b/a.mp4", "for example `gcloud storage cp 'gs://b/a.mp4' .`, and name the copy"),
        ("adl://b/a.mp4", "adl://b/a.mp4 is a URL; download it first, and name the copy"),
        ("file:///home/me/a.jpg", "write the path itself: /home/me/a.jpg"),
        ("HTTPS://x.org/a.jpg", "download it first, for example `curl -LO 'https://x.org/a.jpg'`"),
    ],
)
def test_a_picture_at_a_url_must_be_downloaded_even_beside_files_that_are_here(
    tmp_path: Path, url: str, advice: str
) -> None:
    here = tmp_path / "here.png"
    here.touch()
    with pytest.raises(DataError) as caught:
        check_inputs([here, Path(url)])
    assert advice in str(caught.value)
    assert "no such file" not in str(caught.value)
    assert "wds:" not in str(caught.value)
    refuse_url(here)


def test_a_folder_here_may_be_named_as_a_scheme_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "http:").mkdir()
    check_inputs([Path("http://")])


@pytest.mark.parametrize("name", ["https://x.org/faces", "s3://b/faces.csv"])
def test_a_data_set_at_a_url_names_shards_too(name: str) -> None:
    with pytest.raises(DataError, match=r"download it first.*only tar shards .* as wds:URL"):
        resolve_data(name, "test", load_plugins())
    with pytest.raises(DataError, match=f"{name} is a URL"):
        find_index(f"manifest:{name}", "test", load_plugins())
    away = DataOptions(data_root=Path(name))
    with pytest.raises(DataError, match=f"{name} is a URL"):
        find_index("celeb_df_v2", "test", load_plugins(), away)
    config = EvalConfig(dataset=("celeb_df_v2",), data_root=name)
    (absent,) = absent_data(config, load_plugins())
    assert f"{name} is a URL" in str(absent.error)


@pytest.mark.parametrize("out", ["s3://b/runs/mine", "https://x.org/mine"])
def test_results_are_not_written_into_a_folder_named_as_a_url(out: str) -> None:
    with pytest.raises(ConfigError, match=f"--out {out} is a URL; name a path on this machine"):
        resolve(EvalConfig, flags={"out": out})


@pytest.mark.parametrize("flag", ["--weights", "--landmarks", "--artefact", "--config"])
@pytest.mark.parametrize("command", ["predict", "eval", "audit"])
def test_a_file_of_a_flag_at_a_url_must_be_downloaded(
    flag: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://x.org/some.file"
    given = [str(tmp_path)] if command == "predict" else ["--dataset", "toy"]
    line = [command, *given, "--detector", "lesb", "--backbone", "sbi_efflite0", flag, url]
    assert main([*line, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert f"{url} is a URL; download it first, for example `curl -LO '{url}'`" in said


def test_other_files_at_a_url_must_be_downloaded_too() -> None:
    url = "s3://b/some"
    for read in (
        partial(load_state, Path(url)),
        partial(artefact_file, Path(url)),
        partial(load_yaml, "regions", url),
        partial(read_predictions, Path(url)),
        partial(Result.load, Path(url)),
    ):
        with pytest.raises(DataError, match=f"{url} is a URL; download it first"):
            read()
