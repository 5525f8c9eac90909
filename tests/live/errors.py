"""What can go wrong while a private host is staged."""

from collections.abc import Sequence
from pathlib import Path

LOG_LINES = 15


class LabError(Exception):
    """The private host could not be staged, used or cleared away."""


class CommandFailed(LabError):
    """A client program ended with an error.

    `argv` is what ran, `returncode` its exit status, `stderr` what it said.
    """

    def __init__(self, argv: Sequence[str], returncode: int, stderr: str) -> None:
        super().__init__(f"{' '.join(argv)} ended with {returncode}: {stderr.strip()}")
        self.argv = list(argv)
        self.returncode = returncode
        self.stderr = stderr


class DaemonFailed(LabError):
    """A daemon ended or did not answer in time; the message carries the end of its log."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        super().__init__("\n".join([f"{name} {what}; the end of {log}:", *tail]))
