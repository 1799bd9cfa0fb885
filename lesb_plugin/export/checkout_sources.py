"""Find the files of a DeepfakeBench checkout that a script imports, and their missing packages.

Only the files' text is read and nothing is imported, so that everything missing is found at once
instead of one ImportError after another.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sources", "read_sources"]


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of all imported files, by path, and the names of missing packages."""

    texts: dict[Path, str]
    missing: tuple[str, ...]

    def mention(self, word: str) -> bool:
        """Say whether `word` occurs in one of the files."""
        return any(word in text for text in self.texts.values())


def read_sources(script: Path, roots: Sequence[Path]) -> Sources:
    """Return the script and everything it imports from the folders `roots`, directly or
    indirectly.

    Imports within functions, and those that a file can do without (`except ImportError`), are left
    out, as is a file that cannot be parsed: running it will say so.
    """
    texts: dict[Path, str] = {}
    missing: dict[str, None] = {}
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file in texts:
            continue
        texts[file] = file.read_text(encoding="utf-8", errors="replace")
        for name in _imported(file, texts[file], roots):
            found = list(_files(name, roots))
            waiting += found
            top = name.partition(".")[0]
            if not found and not _is_local(top, roots) and not _is_installed(top):
                missing[top] = None
    return Sources(texts, tuple(sorted(missing)))


def _imported(file: Path, text: str, roots: Sequence[Path]) -> Iterator[str]:
    """Return dotted names of modules, and of possible ones: `from a import b` gives a and a.b."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in _at_import(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        module = _absolute(node, file, roots)
        if module:
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _at_import(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield import statements that run at import and that the file cannot do without."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, (ast.If, ast.With, ast.ClassDef)) and not _is_main(node):
            yield from _at_import([*node.body, *getattr(node, "orelse", [])])


def _is_main(node: ast.stmt) -> bool:
    """Recognise `if __name__ == "__main__":`, which does not run on import."""
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _absolute(node: ast.ImportFrom, file: Path, roots: Sequence[Path]) -> str:
    """Return the module of `from . import x` in `file`, dotted from one of the roots."""
    if not node.level:
        return node.module or ""
    folder = file.parents[node.level - 1]
    root = next((each for each in roots if each in folder.parents), None)
    if root is None:
        return ""
    return ".".join([*folder.relative_to(root).parts, *filter(None, [node.module])])


def _files(name: str, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of a local module, those of the packages around it among them."""
    parts = name.split(".")
    for root in roots:
        for depth in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:depth])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file():
                    yield path


def _is_local(top: str, roots: Sequence[Path]) -> bool:
    return any((root / top).is_dir() for root in roots)


def _is_installed(top: str) -> bool:
    return top in sys.modules or importlib.util.find_spec(top) is not None
