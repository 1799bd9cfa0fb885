"""The command line: fast, with errors that teach, and the same names as configuration and API."""

from __future__ import annotations

import dataclasses
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import registry.tasks.fit
from registry import FitReport, __version__
from registry.cli import main
from registry.plugins.discovery import _load_once, load_plugins
from registry.settings.tasks import EvalConfig, FitConfig

PLUGINS = Path(__file__).parents[2] / "plugins"
BENCH = Path(sys.executable).with_name("bench")
HEAVY = ("torch", "cv2", "numpy", "pandas", "pyarrow", "scipy", "timm", "dlib", "albumentations")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `bench` in this process; (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse leaves this way after --help and --version
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages of tests/plugins beside what is really installed."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    _load_once.cache_clear()
    yield
    _load_once.cache_clear()
    for name in [name for name in sys.modules if name.startswith("bench_test_")]:
        del sys.modules[name]


def loaded_by(*arguments: str) -> set[str]:
    """Modules in memory after `bench` has run in a fresh interpreter."""
    code = (
        "import sys\nfrom registry.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    command = [sys.executable, "-c", code, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("list",),
        ("list", "backbones"),
        ("list", "detectors", "--json"),
        ("plugins",),
        ("eval", "--help"),
        ("fit", "--help"),
        ("report", "--help"),
        ("compare", "--help"),
        ("leaderboard", "--help"),
    ],
)
def test_answers_that_need_no_computing_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) & set(HEAVY) == set()


def least_seconds(command: list[str], enough: float) -> float:
    """Processor time of one core, best of up to twenty: other programs slow a core down too."""
    best = float("inf")
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        if best < enough:
            break
    return best


def test_help_answers_in_under_three_tenths_of_a_second() -> None:
    assert least_seconds([BENCH, "--help"], 0.3) < 0.3


@pytest.mark.parametrize("arguments", [("list",), ("list", "backbones")])
def test_list_answers_in_the_time_of_thirty_starts_of_python(arguments: tuple[str, ...]) -> None:
    """Twelve to eighteen are usual; importing torch takes a hundred and seventy."""
    started = least_seconds([sys.executable, "-c", "pass"], 0.0)
    limit = 30 * started
    assert least_seconds([BENCH, *arguments], limit) < limit


def test_help_lists_every_command_and_a_first_line_to_try(bench: Run) -> None:
    for arguments in ((), ("--help",)):
        code, out, _ = bench(*arguments)
        assert code == 0
        assert all(f"  {name} " in out for name in ("eval", "fit", "report", "list", "plugins"))
        assert "first run, on drawn faces of people who do not exist:\n  bench eval\n" in out


@pytest.mark.parametrize(
    "command", ["eval", "fit", "report", "compare", "leaderboard", "list", "plugins"]
)
def test_the_help_of_every_command_has_examples(bench: Run, command: str) -> None:
    code, out, _ = bench(command, "--help")
    assert code == 0
    assert f"examples:\n  bench {command}" in out


def test_version(bench: Run) -> None:
    assert bench("--version")[:2] == (0, f"bench {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("evl",),
            "no command named 'evl'; did you mean 'eval'? registered: audit, autoencoder,",
        ),
        (("--versoin",), "unknown argument '--versoin'; did you mean '--version'?"),
        (("list", "detctors"), "no kind named 'detctors'; did you mean 'detectors'?"),
        (("list", "--jsn"), "unknown argument '--jsn'; did you mean '--json'?"),
        (("plugins", "now"), "unknown argument 'now' (`bench plugins --help` lists the flags)"),
        (("eval", "--fuson", "max"), "unknown argument '--fuson'; did you mean '--fusion'?"),
        (
            ("eval", "--bogus"),
            "unknown argument '--bogus' (`bench eval --help` lists the flags)",
        ),
        (("eval", "--detector", "lsb"), "no detector named 'lsb'; did you mean 'lesb'?"),
        (("eval", "--detector"), "argument --detector: expected one argument"),
        (("eval", "--frames", "many"), "frames must be a whole number, got 'many'"),
        (("eval", "--set", "fraems=3"), "unknown key 'fraems'; did you mean 'frames'?"),
        (("eval", "--config", "absent.yaml"), "no configuration 'absent.yaml'"),
        (("figure",), "kind, RUN, --out; kind is one of parts, outcomes, datasets ("),
        (("figure", "parts"), "arguments are required: RUN, --out ("),
        (("eval", "--crop-from", "mask"), "crop_from cannot be 'mask'; choices: auto, landmarks"),
        (
            ("fit", "--detector", "lesb_roi", "--images", "9"),
            (
                "unknown argument '--images', which belongs to the detectors lesb, lesb_gep"
                " (`bench fit --detector lesb_roi --help` lists the flags)"
            ),
        ),
        (
            ("fit", "--detector", "lesb", "--margin=2"),
            "unknown argument '--margin', which belongs to the detector lesb_roi (`bench fit",
        ),
        (
            ("eval", "--images=5"),
            "unknown argument '--images', which belongs to `bench cost`, `bench fit` (`bench eval",
        ),
        (("doctor", "--fit-on", "x"), "'--fit-on', which belongs to `bench eval`, `bench "),
        (("predict", "x.png", "--clip"), "belongs to `bench train`; here there is --clips ("),
        (("list", "--detector", "x"), " more (`bench list --help` lists the flags)"),
        (("fit", "--datset", "x"), "unknown argument '--datset' (`bench fit --help` lists"),
        (("list", "detectors", "--timm", "*"), "--timm lists backbones"),
    ],
)
def test_an_error_of_the_user_is_one_line_and_exit_code_2(
    bench: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = bench(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_other_commands_are_asked_for_a_flag_without_torch_and_may_fail() -> None:
    code = (
        "import sys; from registry.cli.bench import main\n"
        "from registry import CommandSpec, PluginError\n"
        "from registry.plugins import discovery\n"
        "def refuse(parser): raise RuntimeError\n"
        "spec = CommandSpec(name='broken', summary='s', configure=refuse, run=refuse)\n"
        "found = discovery.load_plugins()\n"
        "more = discovery.Plugins(records=(*found.records, spec), infos=found.infos)\n"
        "sys.modules['registry.cli.bench'].load_plugins = lambda: more\n"
        "assert main(['eval', '--images', '5']) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "belongs to `bench cost`, `bench fit`" in done.stderr


def test_the_flags_of_eval_and_fit_are_the_keys_of_the_configuration(bench: Run) -> None:
    for command, cls in (("eval", EvalConfig), ("fit", FitConfig)):
        out = bench(command, "--help")[1]
        for key in {each.name for each in dataclasses.fields(cls)} - {"options"}:
            assert f"  --{key.replace('_', '-')}" in out, key


@pytest.mark.parametrize("command", ["eval", "fit", "train", "validate", "audit", "prepare"])
def test_flags_that_commands_share_stand_under_headings(bench: Run, command: str) -> None:
    """The flags of a command's own come first."""
    own, *rest = re.split(r"\n(data|frames and faces|computation):\n", bench(command, "--help")[1])
    groups = dict(zip(rest[::2], rest[1::2], strict=True))
    assert "  --out " in own
    for heading, flag in (
        ("data", "--data-root"),
        ("frames and faces", "--face-detector"),
        ("computation", "--workers"),
    ):
        assert f"  {flag} " in groups[heading]
        assert f"  {flag} " not in own


def test_the_chosen_detectors_options_are_flags_wherever_it_is_chosen(
    bench: Run, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("detector: lesb\n")
    for chosen in (
        ("--detector", "lesb"),
        ("--detector=lesb",),
        ("--set", "detector=lesb"),
        ("--config", str(file)),
    ):
        out = bench("eval", *chosen, "--help")[1]
        assert "options of lesb:\n  --fusion {mean,max" in out
    assert "options of" not in bench("eval", "--detector", "random", "--help")[1]


def test_help_of_eval_works_where_the_default_detector_is_not_installed(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "lesb")
    code, out, _ = bench("eval", "--help")
    assert code == 0
    assert "--detector" in out
    assert "--fusion" not in out


def test_fit_gets_what_flags_and_sets_say_and_prints_the_line_to_run_next(
    bench: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[FitConfig] = []
    report = FitReport(
        artefact=tmp_path / "my run" / "artefact.safetensors",
        tables=(("angles", ("part", "degrees"), (("eyes", "12.5"), ("mouth", "3.0"))),),
        notes=("the backbone was never trained on forgeries",),
    )
    monkeypatch.setattr(registry.tasks.fit, "fit", lambda config: seen.append(config) or report)
    code, out, _ = bench(
        "fit",
        *("--backbone", "timm/resnet18", "--weights", "random", "--train", "a", "--train", "b"),
        *("--crop-from", "detector", "--set", "options.rank=8", "--rank", "16", "--no-quiet"),
    )
    assert code == 0
    (config,) = seen
    assert (config.train, config.crop_from, config.quiet) == (("a", "b"), "detector", False)
    assert config.options == {"rank": "16"}
    assert "angles\npart" in out
    assert "note: the backbone was never trained on forgeries" in out
    assert (
        "bench eval --detector lesb --backbone timm/resnet18 --weights random --crop-from detector "
        f"--artefact '{tmp_path}/my run' --dataset DATA"
    ) in out


def test_list_names_all_kinds_and_each_kind_has_a_summary_per_record(bench: Run) -> None:
    code, out, _ = bench("list")
    assert code == 0
    assert "face-detectors" in out
    kinds = json.loads(bench("list", "--json")[1])
    for kind, names in kinds.items():
        records = json.loads(bench("list", kind, "--json")[1])
        assert [record["name"] for record in records] == names
        lines = bench("list", kind.replace("_", "-"))[1].splitlines()
        for record in records:
            assert any(
                line.startswith(record["name"].removesuffix("*"))
                and line.endswith(record["summary"])
                for line in lines
            ), record


@pytest.mark.parametrize("arguments", [("list",), ("list", "backbones"), ("plugins",)])
def test_records_in_a_pipe_are_tab_separated_values_without_padding(
    bench: Run, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [line.split("\t") for line in bench(*arguments)[1].splitlines()]
    assert rows[0][0] in {"kind", "name", "plugin"}
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any("  " in cell or cell != cell.strip() for row in rows for cell in row)


def test_a_kind_without_records_says_so(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "lfd,lesb")
    assert bench("list", "wrappers")[:2] == (0, "no wrapper is registered\n")


def test_timm_models_are_listed_by_pattern(bench: Run) -> None:
    code, out, _ = bench("list", "backbones", "--timm", "resnet1*")
    assert code == 0
    assert "timm/resnet18" in out.split()
    code, _, err = bench("list", "--timm", "resnot1*")
    assert code == 2
    assert "no timm model matches 'resnot1*'" in err
    assert "timm/<name>" in bench("list", "backbones")[1]


def test_plugins_shows_packages_hooks_failures_and_tells_by_its_exit_code(
    bench: Run, installed: None
) -> None:
    code, out, _ = bench("plugins")
    assert code == 1
    assert "bench-test-good" in out
    assert "failure: broken of bench-test-broken (import): ModuleNotFoundError" in out
    assert "did you mean 'bench_detectors'?" in out
    found = json.loads(bench("plugins", "--json")[1])
    (good,) = [each for each in found["plugins"] if each["name"] == "good"]
    assert good["version"] == "1.0"
    assert {each["plugin"] for each in found["failures"]} == {"broken", "typo", "wrong_args"}
    assert (found["conflicts"], found["disabled"]) == ([], [])


def test_plugins_without_failures_exits_with_0(bench: Run, monkeypatch: Any) -> None:
    assert bench("plugins")[0] == 0
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "lesb")
    code, out, _ = bench("plugins")
    assert code == 0
    assert "disabled by BENCH_DISABLE_PLUGINS: lesb" in out


def test_strict_plugins_stop_every_command(
    bench: Run, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_STRICT_PLUGINS", "1")
    code, _, err = bench("list")
    assert code == 2
    assert "broken (import)" in err


def test_two_packages_with_one_name_are_named_and_other_kinds_still_work(
    bench: Run, installed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bench_test_rival.py").write_text("from bench_test_good import bench_metrics\n")
    folder = tmp_path / "bench_test_rival-2.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (folder / "entry_points.txt").write_text("[bench]\nrival = bench_test_rival\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _load_once.cache_clear()
    code, out, _ = bench("plugins")
    assert code == 1
    assert "(conflict): metric 'good' is claimed by bench-test-good and rival" in out
    code, _, err = bench("list", "metrics")
    assert code == 2
    assert "bench-test-good and rival" in err
    assert bench("list", "detectors")[0] == 0


def test_a_plugins_own_command_runs(bench: Run, installed: None) -> None:
    assert bench("greet", "--greeting", "good day")[:2] == (0, "good day\n")
    assert "  greet " in bench("--help")[1]


def test_an_interrupt_is_no_traceback(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(config: FitConfig) -> FitReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry.tasks.fit, "fit", interrupted)
    told = "interrupted; run the same line again to continue\n"
    assert bench("fit", "--train", "x") == (130, "", told)
    assert bench("fit", "--train", "x", "--overwrite") == (130, "", "interrupted\n")


def test_a_command_that_does_not_continue_promises_nothing(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.builtin.commands.list.load_plugins", interrupted)
    assert bench("list", "metrics") == (130, "", "interrupted\n")


@pytest.mark.parametrize("name", ["eval", "fit", "prepare"])
def test_commands_that_continue_say_so(name: str) -> None:
    assert load_plugins().specs("command")[name].continues


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    command = f"'{BENCH}' list backbones | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
