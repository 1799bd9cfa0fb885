"""Discovery: what is installed is found, what is broken is said, and nothing takes others down."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from registry import hookimpl
from registry.errors import PluginError, UnknownNameError
from registry.plugins import hookspecs
from registry.plugins.discovery import Plugins, discover, kind_named, load_module, load_plugins
from registry.plugins.kinds import KINDS
from registry.plugins.specs import DetectorSpec, Lazy, MetricSpec, lazy

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The four packages of tests/plugins beside what is really installed."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    yield
    for name in [name for name in sys.modules if name.startswith("bench_test_")]:
        del sys.modules[name]


def plugin(**hooks: Callable[[], Any]) -> ModuleType:
    """A plugin module with these hooks."""
    module = ModuleType("a_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def metric(name: str = "mine", **changes: Any) -> MetricSpec:
    fields: dict[str, Any] = {"summary": "s", "compute": max, "higher_is_better": True, **changes}
    return MetricSpec(name=name, **fields)


def reason(module: ModuleType) -> str:
    (failure,) = load_module(module, name="mine", distribution="acme").failures
    assert (failure.plugin, failure.distribution) == ("mine", "acme")
    return f"{failure.stage}: {failure.reason}"


def test_the_good_plugin_implements_every_hook_and_all_its_records_are_found(
    installed: None,
) -> None:
    plugins = discover()
    (info,) = [each for each in plugins.infos if each.name == "good"]
    assert set(info.hooks) == {f"bench_{kind}s" for kind in KINDS}
    assert (info.distribution, info.version, info.module) == (
        "bench-test-good",
        "1.0",
        "bench_test_good",
    )
    for kind in KINDS:
        name = "greet" if kind == "command" else "good"
        assert plugins.get(kind, name).source == "bench-test-good", kind
        assert isinstance(plugins.get(kind, name), KINDS[kind])


def test_every_hook_of_the_specification_has_a_kind_and_says_what_it_is_for() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("bench_")]
    assert set(hooks) == {f"bench_{kind}s" for kind in KINDS}
    assert all(getattr(hookspecs, hook).__doc__ for hook in hooks)


def test_broken_plugins_are_failures_and_do_not_take_the_others_down(installed: None) -> None:
    plugins = discover()
    failures = {each.plugin: each for each in plugins.failures}
    assert {"broken", "typo", "wrong_args"} <= failures.keys()
    assert failures["broken"].stage == "import"
    assert "No module named 'a_package_that_nobody_has'" in failures["broken"].reason
    assert failures["broken"].distribution == "bench-test-broken"
    assert "'bench_detectrs'; did you mean 'bench_detectors'?" in failures["typo"].reason
    assert "{'config'}" in failures["wrong_args"].reason
    assert "take no arguments" in failures["wrong_args"].reason
    assert {"good", "linear", "random"} <= plugins.specs("detector").keys()


def test_every_installed_plugin_of_this_package_loads() -> None:
    plugins = discover()
    assert plugins.failures == ()
    assert {info.distribution for info in plugins.infos} >= {"lesb-plugin"}


def test_strict_makes_failures_fatal_and_lists_them_all(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PluginError, match=r"(?s)broken \(import\).*typo \(hooks\).*wrong_args"):
        discover(strict=True)
    monkeypatch.setenv("BENCH_STRICT_PLUGINS", "1")
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "broken,typo, wrong_args")
    assert "good" in load_plugins().specs("detector")


def test_disabled_plugins_are_left_out_and_named(installed: None) -> None:
    plugins = discover(disabled=("good", "broken"))
    assert plugins.disabled == ("broken", "good")
    assert "good" not in {info.name for info in plugins.infos}
    assert "broken" not in {failure.plugin for failure in plugins.failures}


def test_disabling_a_plugin_that_is_not_installed_is_said() -> None:
    (failure,) = discover(disabled=("bultin",)).failures
    assert failure.stage == "disable"
    assert "did you mean 'builtin'?" in failure.reason


def test_a_hook_that_raises_loses_its_own_records_only() -> None:
    def bench_detectors() -> Any:
        raise KeyError("no such thing")

    plugins = load_module(plugin(bench_detectors=bench_detectors, bench_metrics=lambda: [metric()]))
    (failure,) = plugins.failures
    assert failure.stage == "bench_detectors"
    assert failure.reason == "KeyError: 'no such thing'"
    assert list(plugins.specs("metric")) == ["mine"]


def test_a_hook_that_leaves_the_interpreter_is_a_failure() -> None:
    assert "SystemExit: 3" in reason(plugin(bench_metrics=lambda: sys.exit(3)))


@pytest.mark.parametrize("returned", [None, 3, "text", metric()])
def test_a_hook_must_return_an_iterable(returned: Any) -> None:
    text = reason(plugin(bench_metrics=lambda: returned))
    assert "bench_metrics must return an iterable of MetricSpec, got" in text
    assert type(returned).__name__ in text


def test_a_record_of_another_kind_is_refused() -> None:
    text = reason(plugin(bench_detectors=lambda: [metric()]))
    assert "bench_detectors must return DetectorSpecs, got MetricSpec" in text


@pytest.mark.parametrize("name", ["", "two words", "a:b", "/x", "a/b/c", None])
def test_a_name_that_cannot_be_typed_is_refused(name: Any) -> None:
    assert f"metric name {name!r} must consist of" in reason(
        plugin(bench_metrics=lambda: [metric(name)])
    )


def test_a_record_needs_a_one_line_summary() -> None:
    hook = plugin(bench_metrics=lambda: [metric(summary="two\nlines")])
    assert "needs a one-line summary" in reason(hook)


def test_an_address_that_is_not_lazy_is_refused() -> None:
    text = reason(plugin(bench_metrics=lambda: [metric(compute="package:name")]))
    assert "compute of metric 'mine' must be a function or lazy(" in text
    spec = DetectorSpec(name="d", summary="s", build=max, options=dict)  # type: ignore[arg-type]
    assert "options of detector 'd' must be lazy(" in reason(plugin(bench_detectors=lambda: [spec]))


def test_a_hook_without_its_decorator_is_found() -> None:
    module = plugin(bench_metrics=lambda: [metric()])
    module.bench_detectors = list  # type: ignore[attr-defined]
    assert "bench_detectors lacks the decorator @registry.hookimpl" in reason(module)
    assert "no hook is implemented; hooks: bench_backbones" in reason(ModuleType("empty"))


def test_two_packages_that_claim_one_name_are_both_named_when_the_kind_is_asked_for() -> None:
    one = load_module(plugin(bench_metrics=lambda: [metric("a"), metric("b")]), distribution="acme")
    two = load_module(plugin(bench_metrics=lambda: [metric("b")]), distribution="bolt")
    both = Plugins(records=one.records + two.records)
    with pytest.raises(PluginError, match="metric 'b' is claimed by acme and bolt"):
        both.specs("metric")
    with pytest.raises(PluginError, match="acme and bolt"):
        both.get("metric", "a")
    assert both.specs("detector") == {}
    assert list(both.unambiguous("metric")) == ["a"]
    (conflict,) = both.conflicts()
    assert (conflict.stage, conflict.distribution) == ("conflict", "acme, bolt")


def test_one_package_that_registers_a_name_twice_is_a_conflict_too() -> None:
    twice = load_module(plugin(bench_metrics=lambda: [metric(), metric()]), distribution="acme")
    with pytest.raises(PluginError, match="metric 'mine' is twice in acme"):
        twice.specs("metric")


def test_an_unknown_name_is_answered_with_the_closest_and_with_all() -> None:
    plugins = load_module(plugin(bench_metrics=lambda: [metric("auc"), metric("eer")]))
    with pytest.raises(UnknownNameError) as caught:
        plugins.get("metric", "acu")
    assert str(caught.value) == ("no metric named 'acu'; did you mean 'auc'? registered: auc, eer")


def test_an_unknown_name_mentions_plugins_that_failed(installed: None) -> None:
    with pytest.raises(UnknownNameError) as caught:
        discover().get("face_detector", "mtcnn")
    assert "no face detector named 'mtcnn'" in str(caught.value)
    assert any("broken" in note and "`bench plugins`" in note for note in caught.value.__notes__)


def test_a_family_stands_for_all_its_members(installed: None) -> None:
    plugins = discover()
    assert plugins.get("backbone", "goods/anything").name == "goods/*"
    assert plugins.get("backbone", "timm/resnet18").name == "timm/*"
    with pytest.raises(UnknownNameError):
        plugins.get("backbone", "gods/anything")
    with pytest.raises(UnknownNameError):
        plugins.get("backbone", "goods")


def test_plugins_survive_pickling_for_worker_processes() -> None:
    plugins = Plugins(
        records=(DetectorSpec(name="d", summary="s", build=lazy("registry.errors:did_you_mean")),)
    )
    again = pickle.loads(pickle.dumps(plugins))  # noqa: S301 - bytes made on this line
    assert again == plugins
    assert again.get("detector", "d").build("lsb", ["lesb"]) == " did you mean 'lesb'?"


def test_plugins_are_loaded_once_per_setting_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = load_plugins()
    assert load_plugins() is first
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "builtin")
    assert load_plugins() is not first
    assert "random" not in load_plugins().specs("detector")


@pytest.mark.parametrize("text", ["face_detector", "face-detectors", "Face detectors"])
def test_a_kind_is_recognised_in_any_spelling(text: str) -> None:
    assert kind_named(text) == "face_detector"


def test_an_unknown_kind_is_answered_with_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'detectors'"):
        kind_named("detctors")


def test_a_lazy_address_says_which_half_of_it_is_wrong() -> None:
    with pytest.raises(PluginError, match=r"cannot import 'registry\.eror'"):
        lazy("registry.eror:x")()
    with pytest.raises(PluginError, match=r"'registry\.errors' has no 'did_you_men'"):
        Lazy("registry.errors:did_you_men").load()
    with pytest.raises(PluginError, match="not of the form"):
        lazy("registry.errors")
