"""The sessions of the documentation are run."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_sessions_of_the_page_on_python():
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    ran = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert ran.failed == 0 and ran.attempted > 20


def test_a_wrong_session_is_found(tmp_path):
    page = tmp_path / "wrong.md"
    page.write_text(">>> 1 + 1\n3\n")
    assert doctest.testfile(str(page), module_relative=False, report=False).failed == 1
