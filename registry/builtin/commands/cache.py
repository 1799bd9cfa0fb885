"""`bench cache`: show what the cache holds, and free space in it."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry.cli.flags import add_dry_run_flag, add_json_flag
from registry.console import byte_count, print_table, say, say_block
from registry.errors import ConfigError, did_you_mean
from registry.files import cache_dir

__all__ = ["configure_cache", "run_cache"]

_EXAMPLES = """\
examples:
  bench cache size
  bench cache prune --limit 20GB        what was not used for longest goes first
  bench cache clear embeddings toy      or all that can be made again: bench cache clear
  BENCH_CACHE_LIMIT=200GB bench eval --dataset DATA

Embeddings stay within BENCH_CACHE_LIMIT (50GB where it is not set) by themselves. Runs that are at
work meanwhile lose nothing but time by `prune`; wait for them before `clear`, which also deletes
pictures that they may read. Weights are yours, and are never deleted."""

# What the folder holds by kind: the pattern of its names, and what it is.
_KINDS = {
    "embeddings": ("embeddings", "what backbones made of faces"),
    "reference": ("reference", "scores of reference faces"),
    "explain": ("explain", "usual maps of real faces"),
    "artefacts": ("artefacts", "fits of --fit-on"),
    "fits": ("fits", "finished parts of fits that were not ended"),
    "toy": ("toy-*", "drawn faces"),
    "hf": ("hf", "images of hf: data sets"),
}
# Single files that one use after another makes.
_PRUNED = ("embeddings", "reference", "explain", "fits")
_WEIGHTS = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Size of one kind of content; `used` is a date, "" if there is none."""

    name: str
    what: str
    files: int
    bytes: int
    used: str


def configure_cache(parser: argparse.ArgumentParser) -> None:
    """Add the flags: what to do, with which kinds, and how much may stay."""
    parser.usage = f"{parser.prog} {{size,prune,clear}} [KIND ...] [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("action", choices=["size", "prune", "clear"], help="what to do")
    parser.add_argument(
        "kind", nargs="*", default=[], help=f"of clear: {', '.join(_KINDS)} (default: all)"
    )
    parser.add_argument(
        "--limit", metavar="SIZE", help="of prune: what may stay, such as 20GB (BENCH_CACHE_LIMIT)"
    )
    add_dry_run_flag(parser)
    add_json_flag(parser, "what is there, or what was deleted,")


def run_cache(args: argparse.Namespace) -> int:
    """Print sizes, or delete and print how much."""
    _check(args)
    root = cache_dir()
    if args.action == "size":
        _print_sizes(root, list(_sizes(root)), as_json=args.as_json)
        return 0
    if args.action == "clear":
        count, size = _clear(root, args.kind or list(_KINDS), dry=args.dry_run)
    else:
        from registry.scoring.cache_limit import cache_limit, prune

        folders = [folder for kind in _PRUNED for folder in _folders(root, kind)]
        gone = prune(folders, cache_limit(args.limit), dry=args.dry_run)
        count, size = gone.files, gone.bytes
    if args.as_json:
        record = {"folder": str(root), "files": count, "bytes": size, "dry_run": args.dry_run}
        say_block(json.dumps(record, indent=1))
    else:
        word = "would free" if args.dry_run else "freed"
        say(f"{word} {byte_count(size)} in {count} files of {root}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise a ConfigError for flags of another action, and for unknown kinds."""
    if args.action != "prune" and args.limit is not None:
        raise ConfigError(f"--limit is of `bench cache prune`, not of {args.action}")
    if args.action != "clear" and args.kind:
        raise ConfigError(f"`bench cache {args.action}` takes no kinds; clear does")
    for kind in args.kind:
        if kind == _WEIGHTS:
            raise ConfigError("weights are your files, which cannot be made again; delete by hand")
        if kind not in _KINDS:
            raise ConfigError(
                f"no kind {kind!r} of cached files;{did_you_mean(kind, _KINDS)} kinds:"
                f" {', '.join(_KINDS)}"
            )


def _folders(root: Path, kind: str) -> list[Path]:
    """Return the folders of a kind; everything else in the cache folder is left alone."""
    return [path for path in sorted(root.glob(_KINDS[kind][0])) if path.is_dir()]


def _sizes(root: Path) -> Iterator[_Kind]:
    from registry.scoring.cache_limit import files_in

    folders = {kind: _folders(root, kind) for kind in _KINDS} | {_WEIGHTS: [root / _WEIGHTS]}
    for kind, found in folders.items():
        files = list(files_in(found))
        used = max((each.used for each in files), default=0)
        yield _Kind(
            name=kind,
            what=_KINDS[kind][1] if kind in _KINDS else "your files; never deleted",
            files=len(files),
            bytes=sum(each.size for each in files),
            used=datetime.fromtimestamp(used / 1e9, UTC).strftime("%Y-%m-%d %H:%M") if used else "",
        )


def _print_sizes(root: Path, kinds: Sequence[_Kind], *, as_json: bool) -> None:
    from registry.scoring.cache_limit import cache_limit

    total, limit = sum(kind.bytes for kind in kinds), cache_limit()
    if as_json:
        listed = [
            {"kind": each.name, "files": each.files, "bytes": each.bytes, "used": each.used}
            for each in kinds
        ]
        record = {"folder": str(root), "bytes": total, "limit": limit, "kinds": listed}
        say_block(json.dumps(record, indent=1))
        return
    rows = [(k.name, str(k.files), byte_count(k.bytes), k.used or "-", k.what) for k in kinds]
    print_table(f"{root}", ("kind", "files", "size", "last used (UTC)", "what it is"), rows)
    say()
    say(f"in all: {byte_count(total)}; limit of embeddings: {byte_count(limit)}")


def _clear(root: Path, kinds: Sequence[str], *, dry: bool) -> tuple[int, int]:
    """Return how many files and bytes were deleted, or would be."""
    from registry.scoring.cache_limit import files_in

    folders = [folder for kind in dict.fromkeys(kinds) for folder in _folders(root, kind)]
    files = list(files_in(folders))
    for folder in folders if not dry else ():
        shutil.rmtree(folder, ignore_errors=True)
    gone = [each for each in files if dry or not each.path.exists()]
    return len(gone), sum(each.size for each in gone)
