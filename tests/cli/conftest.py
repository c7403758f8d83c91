"""The command in a process of the tests."""

import sys

import pytest

from drltrade.cli import main


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; -> exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["drltrade", *(str(a) for a in arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return run
