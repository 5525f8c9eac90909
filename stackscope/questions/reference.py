"""Image references, normalised as each client does it (distribution/reference, normalize.go and reference.go)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackscope.errors import InvalidReference

_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?"
)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{1,64}")
_SHORT_DIGEST = re.compile(r"sha256:([0-9a-f]{1,63})")
_MAX = 4096


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference as typed, and as docker and nerdctl read it.

    `canonical` is `docker.io/library/nginx:latest`, or `…@sha256:…` where a digest was given; "" where the text is
    only a digest or an id. `digest` is a whole digest ("" for none), `id_prefix` hex digits that may be an image id.
    """

    typed: str
    canonical: str = ""
    digest: str = ""
    id_prefix: str = ""

    @property
    def familiar(self) -> str:
        """The short form that docker shows: without `docker.io/` and `library/`."""
        return familiar(self.canonical)

    @property
    def repository(self) -> str:
        """The canonical name without tag and digest."""
        name = self.canonical.partition("@")[0]
        head, slash, tail = name.rpartition("/")
        return head + slash + tail.partition(":")[0]


def parse(text: str) -> Reference:
    """Raises InvalidReference with what is wrong with it."""
    if not text or len(text) > _MAX:
        raise InvalidReference("an image reference is needed" if not text else "the reference is too long")
    if any(char.isspace() or ord(char) < 0x21 for char in text):
        raise InvalidReference(f"{text!r} is no image reference: it has a blank or a control character in it")
    if short := _SHORT_DIGEST.fullmatch(text):
        # What `docker images` prints.
        return Reference(typed=text, id_prefix=short.group(1))
    if _DIGEST.fullmatch(text):
        return Reference(typed=text, digest=text.lower(), id_prefix=text.partition(":")[2].lower())
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return Reference(typed=text, digest=f"sha256:{text}", id_prefix=text)
    canonical, digest = _normalised(text)
    return Reference(typed=text, canonical=canonical, digest=digest, id_prefix=text if _HEX.fullmatch(text) else "")


def valid(text: str) -> bool:
    """Whether docker would take it as a reference."""
    try:
        parse(text)
    except InvalidReference:
        return False
    return True


def canonical(name: str) -> str:
    """A name from a store in docker's canonical form; "" where it is no name, such as containerd's `sha256:…`."""
    try:
        return parse(name).canonical
    except InvalidReference:
        return ""


def familiar(name: str) -> str:
    """A canonical name as docker shows it."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def _normalised(text: str) -> tuple[str, str]:
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReference(f"{text!r}: what follows the @ is no digest (sha256: and 64 hex digits)")
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost" or head.lower() != head):
        domain, path = head, rest
    else:
        domain, path = "docker.io", name
    path, colon, tag = _split_tag(path)
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    if not _DOMAIN.fullmatch(domain):
        raise InvalidReference(f"{text!r}: {domain!r} is no registry's name")
    if not _PATH.fullmatch(path):
        reason = "a repository's name is in lower case" if path.lower() != path else f"{path!r} is no repository's name"
        raise InvalidReference(f"{text!r}: {reason}")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReference(f"{text!r}: {tag!r} is no tag")
    if at:
        # With a digest the tag says nothing any more (moby: favorDigest).
        return f"{domain}/{path}@{digest.lower()}", digest.lower()
    return f"{domain}/{path}:{tag or 'latest'}", ""


def _split_tag(path: str) -> tuple[str, str, str]:
    last = path.rpartition("/")[2]
    if ":" not in last:
        return path, "", ""
    cut = len(path) - len(last) + last.index(":")
    return path[:cut], ":", path[cut + 1 :]
