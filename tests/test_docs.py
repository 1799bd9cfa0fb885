"""The documentation: its examples run, the reference is whole, and nothing leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import registry
from registry.builtin.datasets.toy.videos import Plan, draw_toy

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
API = sorted((DOCS / "api").glob("*.md"))
SLOW = {"tasks", "plugins", "python"}  # draw faces; build a network
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _examples(page: Path) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M))


def _run(page: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    module = types.ModuleType("page_of_docs")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up
    monkeypatch.chdir(folder)
    exec(compile(_examples(page), str(page), "exec"), module.__dict__)  # noqa: S102


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[pytest.mark.slow] if page.stem in SLOW else [])
        for page in [*API, DOCS / "threshold.md"]
    ],
)
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "assert " in _examples(page)
    _run(page, monkeypatch, tmp_path)


def test_every_public_name_is_in_the_reference_once() -> None:
    listed = [
        name
        for page in API
        for name in re.findall(r"^::: registry\.(\w+)$", page.read_text("utf-8"), re.M)
    ]
    public = set(registry.__all__) - {"__version__"}
    missing = sorted(public - set(listed))
    assert not missing, f"add `::: registry.NAME` and an example to a page of docs/api: {missing}"
    assert sorted(listed) == sorted(public)


def test_what_the_site_adds_to_its_theme_is_there() -> None:
    named = re.findall(
        r"^extra_(?:css|javascript): \[(.+)\]$", (ROOT / "mkdocs.yml").read_text(), re.M
    )
    assert len(named) == 2
    assert all((DOCS / path).is_file() for path in named)


def test_every_page_of_the_navigation_is_there() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r": ([\w/]+\.(?:md|ipynb))$", text, re.M)
    assert len(listed) > 20
    assert all((DOCS / name).is_file() for name in listed)


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_no_link_to_a_file_leads_nowhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (page.parent / path) if path else page
        assert file.is_file(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.M)
            slugs = {re.sub(r"[^\w]+", "-", head.lower()).strip("-") for head in heads}
            assert anchor in slugs, target


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_numbers_are_written_with_a_leading_zero(page: Path) -> None:
    bare = re.findall(r"(?<![\w.`/:])\.\d+\b.*", page.read_text("utf-8"))
    assert not bare


def test_the_readme_is_short_and_shows_a_report() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert 10_000 < (ROOT / picture).stat().st_size < 300_000


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^    python3 -m venv .*$", text, re.M)
    steps = [line.replace(".venv/bin/", "").split(" && ")[1:] for line in commands]
    assert steps == [["pip install .", "bench eval"], ["pip install -e '.[dev]'", "pytest"]]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    needed = (r'^pip install "\$\{locked\[@\]\}" \.$', "^bench eval", r"--editable '\.\[dev\]'$")
    for line in (*needed, "^pytest$", " mkdocs build --strict"):
        assert re.search(line, script, re.M), line
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert workflow["jobs"]["run"]["steps"][-1] == {"run": ".ci/run"}


def test_the_citation_is_that_of_the_readme() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    paper = cited["preferred-citation"]
    text = (ROOT / "README.md").read_text("utf-8")
    assert cited["version"] == registry.__version__
    assert paper["title"] in text
    assert f"{paper['start']}--{paper['end']}" in text
    names = [author["family-names"] for author in paper["authors"]]
    plain = text.replace("\\v{S}truc", "Štruc")
    assert len(names) == 5
    assert all(name in plain for name in names)


def test_the_results_of_the_readme_are_those_of_the_page() -> None:
    page = (DOCS / "results.md").read_text("utf-8")
    section = (ROOT / "README.md").read_text("utf-8").partition("## Results")[2]
    figures = re.findall(r"0\.\d{3} \[\d\.\d{3} \d\.\d{3}\]", section.partition("## ")[0])
    assert len(figures) == 21
    assert all(figure in page for figure in figures)


def test_every_cost_names_what_measures_it() -> None:
    costs = (DOCS / "results.md").read_text("utf-8").partition("## Cost")[2].partition("\n## ")[0]
    _, _, *rows = re.findall(r"^\|.*\|$", costs, re.M)
    measured = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert len(measured) > 10
    assert all(re.match(r"`(\w+\.py|time bench \w+)\b", command) for _, _, command in measured)


_FIGURE = r"\b[01]\.\d\d+"
_ALARMS = re.compile(  # how many reals are called fake, and of which data
    r"(?:\d+|none) of \d+ real (\w+)|\d\.\d\d+ of the real (\w+) above 0\.5"
    r"|\d\.\d{3} \[[^]]+\] above 0\.5"
)


def _without_alarms(block: str) -> Iterator[str]:
    """Yield what of a paragraph or a table has an AUC and no figure of false alarms beside it."""
    if block.startswith("|"):
        head, _, *rows = ([cell.strip() for cell in row.split("|")] for row in block.splitlines())
        for row in rows if "AUC" in head else ():
            at = head.index("false alarms") if "false alarms" in head else None
            if at is None or not re.match(_FIGURE, row[at]):
                yield " | ".join(row)
        return
    text = " ".join(block.split())
    alarms = list(_ALARMS.finditer(text))
    of = {noun for found in alarms for noun in found.groups() if noun}
    for clause in re.finditer(r".{0,20}AUC(?:[^.;)]|\.(?=\d))*", text):
        data = {noun for noun in ("portraits", "clips") if noun[:-1] in clause[0]}
        if re.search(_FIGURE, clause[0]) and (not alarms or not data <= of):
            yield clause[0]


def test_a_false_alarm_figure_stands_beside_every_auc_of_the_readme() -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / "README.md").read_text("utf-8"), flags=re.S | re.M)
    blocks = [block for block in text.split("\n\n") if "AUC" in block]
    assert len(blocks) == 4  # how good it is, a table of bench eval, the results, where it fails
    assert not [found for block in blocks for found in _without_alarms(block)]


def test_an_auc_without_false_alarms_is_found() -> None:
    for block in (
        "an AUC of 0.80 on portraits and 0.77 on clips, and calls 1 of 146 real portraits fake",
        "a mouth that is moved in a clip (AUC 0.53 to 0.55) is hardly detected",
        "| data | AUC | false alarms |\n|---|---|---|\n| clips | 0.774 | |",
        "| data | AUC |\n|---|---|\n| clips | 0.774 |",
    ):
        assert list(_without_alarms(block)), block


@pytest.mark.slow
def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "drawn").mkdir()
    draw_toy(tmp_path / "drawn", Plan(people=(("test", 1),), video_every=99), quiet=True)
    (tmp_path / "drawn" / "frames").rename(tmp_path / "photos")
    (block,) = re.findall(
        r"```python\n(import registry.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert len(block.splitlines()) == 6
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    words = [line.split()[1] for line in lines if line.startswith("photos/")]
    assert words
    assert set(words) <= {"MANIPULATED", "AUTHENTIC", "UNDETERMINED"}
    assert 0.7 < float(lines[-1]) < 1.0


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "notebook" / "index.html").read_text("utf-8")
    assert re.search(r"AUC 0\.\d{3} \[0\.\d{3} [01]\.\d{3}\] on 8 reals, 16 fakes", page)
    assert "registry.conformal_p" in (tmp_path / "api" / "results" / "index.html").read_text(
        "utf-8"
    )
