"""Errors that stop a command. What could not be looked at is a `Gap`, which is data, not one of these."""


class StackscopeError(Exception):
    """Something a person must act on: what is wrong, and the next step.

    `exit_code` follows the table in the reference: 2 is wrong usage or unreadable input.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnreadableCapture(StackscopeError):
    """A capture file that is truncated, damaged, of a newer version, or not a capture at all."""


class CannotWrite(StackscopeError):
    """A file that was asked for could not be written; nothing is left under its final name."""


class InvalidReference(StackscopeError):
    """An image reference that no client would accept."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "A reference is [REGISTRY/]NAME[:TAG], NAME@sha256:DIGEST, a digest, or an image id")


class UnknownClient(StackscopeError):
    """A client command line that stackscope cannot read as that client would."""


class CannotReach(Exception):
    """A socket that did not take a connection.

    `reason` is `absent` (no such file), `refused` (a socket file that nobody serves), `denied` (no rights),
    `not-a-socket`, `timeout` or `failed`; `detail` is the kernel's own text.
    """

    def __init__(self, path: str, reason: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.reason = reason
        self.detail = detail


class Malformed(Exception):
    """A reply or a file that is not what its protocol or format says. The message names the part."""


class LimitHit(Exception):
    """A cap on size, count or length stopped a read. The message names the cap."""
