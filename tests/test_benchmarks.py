"""Scripts that are run by hand end with a line, and not a traceback, where the user can help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import DataError
from tests.shared.scripts import printed_json, run_script

SCRIPTS = Path(__file__).parent / "benchmarks"


@pytest.mark.parametrize("code", [None, 0, 1])
def test_a_script_exits_with_what_it_returns(code: int | None) -> None:
    with pytest.raises(SystemExit) as ended:
        run_script(lambda: code)
    assert ended.value.code == code


def test_an_error_of_the_user_is_a_line_and_others_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise DataError("no data in x", "name others")

    with pytest.raises(SystemExit) as ended:
        run_script(fail)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: no data in x\nname others\n"
    with pytest.raises(ZeroDivisionError):
        run_script(lambda: 1 // 0)


def test_a_process_that_fails_ends_its_parent_with_its_code() -> None:
    assert printed_json([sys.executable, "-c", "print([1.5])"]) == [1.5]
    with pytest.raises(SystemExit) as ended:
        printed_json([sys.executable, "-c", "raise SystemExit(2)"])
    assert ended.value.code == 2


def test_every_script_begins_so() -> None:
    texts = {path.name: path.read_text("utf-8") for path in SCRIPTS.glob("*.py")}
    begun = {name: text for name, text in texts.items() if "__main__" in text}
    assert len(begun) > 10
    assert [name for name, text in begun.items() if "    run_script(main)\n" not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit_landmark_box.py", "eval_memory.py"])
def test_a_file_that_is_not_there_is_named_without_a_traceback(name: str, tmp_path: Path) -> None:
    line = [sys.executable, str(SCRIPTS / name), "absent.csv"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "absent.csv" in done.stderr
