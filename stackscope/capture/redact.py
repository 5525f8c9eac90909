"""Removes secrets from a capture: by the name of a label or option, and by the form of known credentials.

Environment values are never collected, but for the few variables that decide what a client sees. What stays in
doubt is removed: a capture is made to be sent to strangers.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from stackscope.facts import AnyFact, Capture
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Mount, Sandbox
from stackscope.facts.daemon import ContainerdNamespace, DockerInfo
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.facts.process import Process
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.storage import Volume

HIDDEN = "[redacted]"

_NAME = re.compile(
    r"""(?ix)
    pass(?:wd|word|phrase|code)? (?![a-z]) | pwd (?![a-z]) | secret | token | credential | (?<![a-z])cred s? (?![a-z])
    | api[-_.]?key | access[-_.]?key | private[-_.]?key | signing[-_.]?key | encryption[-_.]?key | account[-_.]?key
    | master[-_.]?key | license[-_.]?key | ssh[-_.]?key | (?<![a-z])auth (?![a-z]) | authorization | bearer | cookie
    | session[-_.]?id | (?<![a-z])dsn (?![a-z]) | connection[-_.]?string | webhook | basicauth | (?<![a-z])otp (?![a-z])
    | htpasswd | (?<![a-z])salt (?![a-z]) | (?<![a-z])pin (?![a-z])
    """
)
"""A name whose value is a secret, or may be one."""

_FORMS = re.compile(
    r"""(?x)
    -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|$)
    | \b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b                    # AWS access key ids
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,}       # GitHub
    | \bglpat-[\w-]{16,} | \bglrt-[\w-]{16,}                     # GitLab
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | \bxapp-[A-Za-z0-9-]{10,}  # Slack
    | \bhooks\.slack\.com/services/[A-Za-z0-9/]+
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}                     # Stripe
    | \bsk-[A-Za-z0-9_-]{20,}                                    # OpenAI, Anthropic
    | \bAIza[0-9A-Za-z_-]{30,} | \bya29\.[0-9A-Za-z_-]{20,}      # Google
    | \bnpm_[A-Za-z0-9]{30,} | \bpypi-[A-Za-z0-9_-]{16,}         # package registries
    | \bdckr_(?:pat|oat)_[A-Za-z0-9_-]{16,} | \bhvs\.[A-Za-z0-9_-]{16,} | \bSG\.[\w-]{16,}\.[\w-]{16,}
    | \bdop_v1_[a-f0-9]{32,} | \bhf_[A-Za-z0-9]{20,} | \bSWMTKN-1-[a-z0-9-]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JSON web tokens
    | \b[A-Za-z0-9]{6}\.[a-z0-9]{16}\b                           # kubeadm bootstrap tokens
    """,
    re.DOTALL,
)
"""Credentials known by their form."""

_URL = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@'\"]*@")
_QUERY = re.compile(
    r"([?&][^=&\s]*(?:token|sig|signature|secret|key|password|pass|auth|code)[^=&\s]*=)[^&\s]+", re.IGNORECASE
)
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-api-key|x-auth-token|cookie)(\s*[:=]\s*)(?:(?:basic|bearer|token)\s+)?\S+"
)
_ASSIGNED = re.compile(r"([A-Za-z_][\w.-]*)(\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&;,]+)")
_OPTION = re.compile(r"^--?([A-Za-z][\w.-]*)$")

# Short options whose next word is a secret: curl's, mysql's and redis-cli's.
_SECRET_SHORT = {
    "curl": {"-u", "-U"},
    "redis-cli": {"-a"},
    "sshpass": {"-p"},
    "mysql": set(),
    "mysqldump": set(),
    "psql": set(),
}
_GLUED_SHORT = {"mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mariadb": "-p", "sshpass": "-p"}

Struct = TypeVar("Struct", bound=msgspec.Struct)


def text(value: str) -> str:
    """`value` without credentials of known forms, in URLs, in headers, and after names that tell of a secret."""
    if "://" in value:
        value = _URL.sub(rf"\1{HIDDEN}@", value)
        value = _QUERY.sub(rf"\1{HIDDEN}", value)
    value = _HEADER.sub(rf"\1\2{HIDDEN}", value)
    value = _FORMS.sub(HIDDEN, value)
    if "=" in value or ":" in value:
        value = _ASSIGNED.sub(_assigned, value)
    return value


def _assigned(found: re.Match[str]) -> str:
    name, between, secret = found.groups()
    if not _NAME.search(name) or secret.startswith("//") or secret == HIDDEN:
        return found.group()
    return f"{name}{between}{HIDDEN}"


def labels(values: dict[str, str]) -> dict[str, str]:
    """Labels with the values hidden whose key tells of a secret. Containerd's own `gc` labels name digests."""
    return {key: HIDDEN if value and _NAME.search(key) else text(value) for key, value in values.items()}


def words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """An argv with secrets hidden: `--password x`, `--token=x`, `-u user:x` of curl, `NAME_TOKEN=x`, URLs."""
    program = argv[0].rpartition("/")[2] if argv else ""
    after = _SECRET_SHORT.get(program, set())
    glued = _GLUED_SHORT.get(program)
    shown: list[str] = []
    hide_next = False
    for word in argv:
        if hide_next and not word.startswith("--"):
            shown.append(HIDDEN)
            hide_next = False
            continue
        option = _OPTION.match(word)
        hide_next = word in after or bool(option and _NAME.search(option.group(1)))
        if glued and word.startswith(glued) and len(word) > len(glued):
            shown.append(glued + HIDDEN)
        else:
            shown.append(text(word))
    return tuple(shown)


def redacted(capture: Capture) -> Capture:
    """The capture without secrets."""
    return msgspec.structs.replace(capture, facts=tuple(map(_fact, capture.facts)), redacted=True)


def _fact(fact: AnyFact) -> AnyFact:
    match fact:
        case Process():
            return _with(fact, argv=words(fact.argv)) if fact.argv else fact
        case DockerContainer():
            return _with(fact, command=_command(fact.command), labels=labels(fact.labels), mounts=_mounts(fact.mounts))
        case ContainerdContainer():
            return _with(
                fact,
                args=words(fact.args),
                labels=labels(fact.labels),
                annotations=labels(fact.annotations),
                mounts=_mounts(fact.mounts),
            )
        case ContainerdImage() | DockerImage() | ContainerdNamespace() | Snapshot() | Lease() | Sandbox() | Volume():
            return _with(fact, labels=labels(fact.labels)) if fact.labels else fact
        case ClientVariable():
            return _with(fact, value=_URL.sub(r"\1", fact.value))
        case ClientFile():
            return _with(fact, settings={key: _URL.sub(r"\1", value) for key, value in fact.settings.items()})
        case DockerInfo():
            return _with(fact, warnings=tuple(map(text, fact.warnings)))
        case _:
            return fact


def _command(line: str) -> str:
    """Docker's own line of a command: its words are joined with blanks, so options are looked for in them again."""
    return " ".join(words(tuple(line.split(" "))))


def _mounts(mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    return tuple(_with(mount, source=text(mount.source)) if "://" in mount.source else mount for mount in mounts)


def _with(struct: Struct, **changes: object) -> Struct:
    return msgspec.structs.replace(struct, **changes)
