"""Captures on disk: JSON, compressed by the file's name; written whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
import zlib

import msgspec

from stackscope.errors import CannotWrite, UnreadableCapture
from stackscope.facts import SCHEMA, Capture
from stackscope.facts.text import json_safe

MAX_CAPTURE = 1 << 30
"""Bytes of a capture, uncompressed, that are read."""

_FAMILY = "stackscope.capture/"


class _Envelope(msgspec.Struct):
    schema: str = ""


def encode(capture: Capture) -> bytes:
    """A capture as JSON, one fact a line, so that it can be read and compared as text."""
    encoder = msgspec.json.Encoder(order="deterministic")
    parts = [b"{"]
    for name in ("schema", "stackscope", "taken_at", "host", "redacted", "needs", "looked_at"):
        parts.append(encoder.encode(name) + b": " + encoder.encode(getattr(capture, name)) + b",\n")
    parts.append(_lines(b'"facts": [', [encoder.encode(fact) for fact in capture.facts], b"],\n"))
    parts.append(_lines(b'"gaps": [', [encoder.encode(gap) for gap in capture.gaps], b"]}\n"))
    return b"".join(parts)


def _lines(start: bytes, items: list[bytes], end: bytes) -> bytes:
    return start + (b"\n" + b",\n".join(items) + b"\n" if items else b"") + end


def decode(data: bytes, name: str) -> Capture:
    """Raises UnreadableCapture with what is wrong and what to do."""
    try:
        schema = msgspec.json.decode(data, type=_Envelope).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableCapture(
            f"{name} is not a capture: {error}", "A capture is made with: stackscope capture -o FILE"
        ) from error
    if schema != SCHEMA:
        if not schema.startswith(_FAMILY):
            raise UnreadableCapture(
                f"{name} is JSON, but not a capture (its schema is {schema[:60]!r})",
                "A capture is made with: stackscope capture -o FILE",
            )
        raise UnreadableCapture(
            f"{name} has the version {schema[:60]!r}; this stackscope reads {SCHEMA}",
            "Upgrade stackscope, or take the capture again with this one",
        )
    try:
        return msgspec.json.decode(data, type=Capture)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableCapture(
            f"{name} is damaged: {error}", "Take it again with: stackscope capture -o FILE"
        ) from error


def load(path: str) -> Capture:
    """A capture from a file, by its name plain, `.gz` or `.zst`. Raises UnreadableCapture."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_CAPTURE + 1)
    except OSError as error:
        raise UnreadableCapture(
            f"{path}: {(error.strerror or str(error)).lower()}", "Look whether the name is right"
        ) from error
    return decode(_limited(_decompressed(raw, path), path), path)


def _decompressed(raw: bytes, path: str) -> bytes:
    damaged = "is damaged or cut short"
    # By their first bytes, not by the name: captures are sent around and renamed.
    if raw[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(raw)) as file:
                return file.read(MAX_CAPTURE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableCapture(f"{path} {damaged} (gzip: {error})", "Take or copy it again") from error
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        try:
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)) as stream:
                data = stream.read(MAX_CAPTURE + 1)
            size = zstandard.get_frame_parameters(raw).content_size
        except zstandard.ZstdError as error:
            raise UnreadableCapture(f"{path} {damaged} (zstd: {error})", "Take or copy it again") from error
        # A reader of a stream takes the end of its input for the end of the data.
        if size != zstandard.CONTENTSIZE_UNKNOWN and len(data) < min(size, MAX_CAPTURE + 1):
            raise UnreadableCapture(f"{path} {damaged} (zstd: {len(data)} of {size} bytes)", "Take or copy it again")
        return data
    return raw


def _limited(data: bytes, path: str) -> bytes:
    if len(data) > MAX_CAPTURE:
        raise UnreadableCapture(f"{path} is longer than {MAX_CAPTURE} bytes", "That is no capture of stackscope's")
    return data


def save(capture: Capture, path: str) -> int:
    """Write a capture; compressed where the name ends in `.gz` or `.zst`. Returns its bytes on disk.

    Raises CannotWrite.
    """
    data = json_safe(encode(capture))
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    elif path.endswith(".zst"):
        import zstandard

        data = zstandard.ZstdCompressor(level=9).compress(data)
    write_whole(data, path)
    return len(data)


def write_whole(data: bytes, path: str) -> None:
    """Write a file that has its final name only when it is whole, and is readable by its owner alone.

    Raises CannotWrite; then nothing is left there.
    """
    # Through a symlink, as every program writes. What is no file must not become one: /dev/null, /dev/stdout.
    final = os.path.realpath(path)
    device = os.path.abspath(path).startswith(("/dev/", "/proc/"))
    if device or (os.path.exists(final) and not os.path.isfile(final)):
        raise CannotWrite(f"{path}: exists, and is not a regular file", "Choose another place; - is standard output")
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".stackscope-", dir=os.path.dirname(final))
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, final)
        temporary = ""
    except OSError as error:
        raise CannotWrite(
            f"{path}: {(error.strerror or str(error)).lower()}; nothing was left there", "Choose another place"
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
