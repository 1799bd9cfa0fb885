"""What `bench doctor` looks at: machine, packages, folders, weights, plugins, and what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from registry.errors import BenchError
from registry.files import CACHE_ADVICE, cache_dir, weights_dir, writable_folder
from registry.plugins.chosen import choose_backbone
from registry.plugins.discovery import Plugins
from registry.plugins.needs import find_weights

__all__ = ["Finding", "examine"]

_DISTRIBUTION = "lesb-plugin"
_EXTRA = re.compile(r'extra == "([^"]+)"')
_LEAST_SPACE = 1 << 30  # bytes; embeddings of 100,000 faces take about half of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination.

    `state` is "ok", "note" for what is missing and need not be there, "problem" for what a command
    will stop at; `do` is what changes it, "" for nothing.
    """

    area: str
    what: str
    value: str
    state: str = "ok"
    do: str = ""


def examine(plugins: Plugins) -> Iterator[Finding]:
    """Yield everything about this installation, in the order in which a reader asks for it."""
    yield from _machine()
    yield from _packages()
    yield from _extras()
    yield from _folders()
    yield from _backbones(plugins)
    yield from _artefacts(plugins)
    yield from _faces(plugins)
    yield from _plugins(plugins)


def _machine() -> Iterator[Finding]:
    yield Finding(
        area="machine",
        what="Python",
        value=f"{platform.python_version()}, {platform.system()} {platform.machine()}",
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        import torch

        from registry.backbones.device import available_devices
    except Exception as error:  # noqa: BLE001 - a broken torch is a finding like any other
        yield Finding(
            area="machine", what="torch", value=f"cannot be imported: {error}", state="problem",
            do="reinstall torch as its documentation describes for this machine",
        )  # fmt: skip
        return
    yield Finding(
        area="machine",
        what="devices",
        value=f"{', '.join(available_devices())}; torch uses {torch.get_num_threads()} of"
        f" {cores} CPU cores",
    )


def _packages() -> Iterator[Finding]:
    """Yield the project and what it requires; a version outside of the bounds is a problem."""
    yield Finding(area="packages", what=_DISTRIBUTION, value=metadata.version(_DISTRIBUTION))
    for wanted, extra in _requirements():
        if not extra:
            yield _required(wanted)


def _requirements() -> Iterator[tuple[Requirement, str]]:
    """Yield the requirements of the project, each with its extra, or ""."""
    for text in metadata.requires(_DISTRIBUTION) or ():
        wanted = Requirement(text)
        found = _EXTRA.search(str(wanted.marker or ""))
        yield wanted, found.group(1) if found else ""


def _required(wanted: Requirement) -> Finding:
    bounds = str(wanted.specifier)
    version = _version(wanted.name)
    wrong = version is None or not wanted.specifier.contains(version, prereleases=True)
    return Finding(
        area="packages",
        what=wanted.name,
        value=version or "not installed",
        state="problem" if wrong else "ok",
        do=f"pip install '{wanted.name}{bounds}'" if wrong else "",
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> Iterator[Finding]:
    """Yield which extras are installed."""
    extras: dict[str, list[str]] = {}
    for wanted, extra in _requirements():
        if extra and wanted.name not in extras.setdefault(extra, []):
            extras[extra].append(wanted.name)
    for extra, packages in extras.items():
        missing = [name for name in packages if _version(name) is None]
        yield Finding(
            area="extras",
            what=extra,
            value=f"missing: {', '.join(missing)}" if missing else "installed",
            state="note" if missing else "ok",
            do=f"pip install '{_DISTRIBUTION}[{extra}]'" if missing else "",
        )


def _folders() -> Iterator[Finding]:
    yield _cache()
    folder = weights_dir()
    files = sorted(each.name for each in folder.glob("*") if each.is_file())
    yield Finding(
        area="folders",
        what="weights",
        value=f"{folder}: {', '.join(files) or 'no file'}",
        state="ok" if files else "note",
        do="" if files else "bench weights add FILE",
    )


def _cache() -> Finding:
    try:
        folder = writable_folder(cache_dir(), CACHE_ADVICE)
    except BenchError as error:
        return Finding(
            area="folders", what="cache", value=str(error), state="problem", do=CACHE_ADVICE
        )
    free = shutil.disk_usage(folder).free
    full = free < _LEAST_SPACE
    return Finding(
        area="folders",
        what="cache",
        value=f"{folder}: {_size(_bytes_in(folder))} used, {_size(free)} free",
        state="problem" if full else "ok",
        do=CACHE_ADVICE if full else "",
    )


def _bytes_in(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _size(count: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def _backbones(plugins: Plugins) -> Iterator[Finding]:
    """Yield which backbones have weights; files are not opened."""
    for name, spec in plugins.unambiguous("backbone").items():
        if getattr(spec, "members", None) is not None:
            continue
        try:
            found = find_weights(choose_backbone(plugins, name), None)
        except BenchError:
            file = spec.weights_file or "a weights file"
            yield Finding(
                area="backbones",
                what=name,
                value="no weights file",
                state="note",
                do=f"bench weights add FILE: {file}",
            )
            continue
        yield Finding(area="backbones", what=name, value=found or "comes with its weights")


def _artefacts(plugins: Plugins) -> Iterator[Finding]:
    for name, spec in plugins.unambiguous("artefact").items():
        yield Finding(
            area="artefacts", what=name, value=f"detector {spec.detector} on {spec.backbone}"
        )


def _faces(plugins: Plugins) -> Iterator[Finding]:
    from registry.builtin.commands.faces import detector_state

    states = [detector_state(plugins, name) for name in plugins.unambiguous("face_detector")]
    ready = [state.name for state in states if state.ready]
    for state in states:
        yield Finding(
            area="face detectors",
            what=state.name,
            value="ready" if state.ready else state.why,
            state="ok" if state.ready else "note",
            do="" if state.ready else _for_faces(state.install, ready),
        )


def _for_faces(install: str, ready: Sequence[str]) -> str:
    """Return the command that installs what a face detector lacks, and which one works as is."""
    instead = f"--face-detector {ready[0]}" if ready else ""
    return "; or ".join(filter(None, [install, instead]))


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    for info in plugins.infos:
        yield Finding(
            area="plugins", what=info.name, value=f"{info.distribution} {info.version}".strip()
        )
    for each in (*plugins.failures, *plugins.conflicts()):
        yield Finding(
            area="plugins",
            what=each.plugin,
            value=f"{each.stage}: {each.reason}",
            state="problem",
            do=f"repair or remove package {each.distribution or each.plugin!r}, or"
            f" disable the plugin: BENCH_DISABLE_PLUGINS={each.plugin}",
        )
