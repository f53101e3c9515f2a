"""The sessions of the documentation are run."""

import doctest
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["python.md", "tutorial-python.md"])
def test_the_sessions_of_the_pages_on_python(page, monkeypatch):
    # The tutorial reads the guide, as in a checkout.
    monkeypatch.chdir(TREE)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    ran = doctest.testfile(str(TREE / "docs" / page), module_relative=False, optionflags=flags)
    assert ran.failed == 0 and ran.attempted > 20


def test_a_wrong_session_is_found(tmp_path):
    page = tmp_path / "wrong.md"
    page.write_text(">>> 1 + 1\n3\n")
    assert doctest.testfile(str(page), module_relative=False, report=False).failed == 1
