"""Removes secrets from a capture: by the name of a label or option, and by the form of known credentials.

Environment values are never collected, but for the few variables that decide what a client sees. What stays in
doubt is removed: a capture is made to be sent to strangers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeVar

import msgspec

from stackscope.facts import AnyFact, Capture
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Mount, Sandbox
from stackscope.facts.daemon import ContainerdNamespace, DockerInfo, Plugin
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.facts.process import Process
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.storage import Volume

HIDDEN = "[redacted]"

_NAME = re.compile(
    r"""(?ix)
    pass(?:wd|word|phrase|code) | (?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)pass (?![a-z]|[-_.]?through)
    | pwd (?![a-z]) | secret (?!ar) | token (?!i[sz]) | credential | (?<![a-z])cred s? (?![a-z])
    | (?:api|access|account|encryption|license|master|private|shared|signing|ssh)[-_.]?key | shared[-_.]?access
    | (?<![a-z])auth (?![a-z]) | (?-i:(?<=[a-z])Auth (?![a-z])) | (?:basic|master)auth | authorization | bearer | cookie
    | session[-_.]?id | (?<![a-z])dsn (?![a-z]) | connection[-_.]?string | webhook | (?<![a-z])otp (?![a-z])
    | (?<![a-z])salt (?![a-z]) | (?<![a-z])pin (?![a-z])
    """
)
"""A name whose value is a secret, or may be one."""

_HARMLESS = re.compile(r"(?i)[-_.]?(?:file|path|dir|mode|plugins?|provider|timeout|ttl|type|enabled)$")
"""The end of a name that says where a secret lies, or how it is made: `POSTGRES_PASSWORD_FILE`."""

_FORMS = re.compile(
    r"""(?x)
    -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY(?:\ BLOCK)?-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY(?:\ BLOCK)?-----|$)
    | \bAGE-SECRET-KEY-1[0-9A-Z]{20,}
    | \b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b                    # AWS access key ids
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,}       # GitHub
    | \bgl(?:pat|rt|dt|ptt|ft|agent)-[\w-]{16,}                  # GitLab
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | \bxapp-[A-Za-z0-9-]{10,}  # Slack
    | \bhooks\.slack\.com/services/[A-Za-z0-9/]+ | \bdiscord(?:app)?\.com/api/webhooks/[\w/-]+
    | (?<!\d)\d{8,10}:[A-Za-z0-9_-]{35}\b                        # Telegram bots
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}                     # Stripe
    | \bsk-[A-Za-z0-9_-]{20,}                                    # OpenAI, Anthropic
    | \bAIza[0-9A-Za-z_-]{30,} | \bya29\.[0-9A-Za-z_-]{20,}      # Google
    | \bnpm_[A-Za-z0-9]{30,} | \bpypi-[A-Za-z0-9_-]{16,}         # package registries
    | \bdckr_(?:pat|oat)_[A-Za-z0-9_-]{16,} | \bSG\.[\w-]{16,}\.[\w-]{16,} | \bkey-[0-9a-f]{32}\b
    | \bhv[sbr]\.[A-Za-z0-9_-]{16,} | \bs\.[A-Za-z0-9]{24}\b     # Vault
    | \bdop_v1_[a-f0-9]{32,} | \bhf_[A-Za-z0-9]{20,} | \bgl(?:sa|c)_[A-Za-z0-9_+=]{20,} | \btskey-[\w-]{10,}
    | \bSWMTKN-1-[a-z0-9-]{20,} | \bK10[0-9a-f]{48,}\S*          # Swarm, k3s
    | (?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JSON web tokens
    | \b[a-z0-9]{6}\.(?=[a-z]{0,15}[0-9])[a-z0-9]{16}\b               # kubeadm bootstrap tokens
    | \$(?:apr1|1|5|6|y|2[abxy])\$[^\s:,;"']{8,}                 # hashes of crypt(5)
    """,
    re.DOTALL,
)
"""Credentials known by their form."""

# A host's text may be a megabyte made to be slow: so no pattern here starts inside what it could have started at
# before, and what is greedy gives nothing back (`*+`).
_URL = re.compile(r"((?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]*+://)[^/\s'\"]*@")
_QUERY = re.compile(r"([?&]([^=&\s]*+)=)[^&\s]+")
_QUERY_NAME = re.compile(r"(?i)token|sig|secret|key|pass|auth|code")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie\s*:\s*)[^\r\n\"']+")
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-api-key|x-auth-token)(\s*[:=]\s*)(?:[a-z][\w-]*\s+)?\S+(?:(?<=,)\s*\S+)*"
)
# The name may stand in quotes, which may be escaped: JSON in a label, or JSON in JSON.
_ASSIGNED = re.compile(r"""(?<![\w.-])[\d.-]*+([A-Za-z_][\w.-]*+)\\*["']?\s*[=:]\s*(?!//)""")
_VALUE = re.compile(r"""\\*+"(?:[^"\\]|\\.)*+"?|'[^']*+'?|[{\[].*|[^\s&;,}\]]+""", re.DOTALL)
_NAME_AND_VALUE = re.compile(
    r"""("name\\*"\s*:\s*\\*"([^"\\]*+)\\*"\s*,\s*\\*"value\\*"\s*:\s*)\\*"(?:[^"\\]|\\.)*+\"?""", re.DOTALL
)
_OPTION = re.compile(r"--?([A-Za-z][\w.-]*)")
_GIVEN = re.compile(r"((?:--?)?([A-Za-z_][\w.-]*)=)(.+)", re.DOTALL)

# Options of a program whose next word is a secret, or that have it glued on. `login` is docker's, podman's, helm's.
_SECRET_AFTER = {
    "curl": {"-u", "-U", "--user", "--proxy-user"},
    "etcdctl": {"--user"},
    "ldapsearch": {"-w"},
    "login": {"-p"},
    "mongo": {"-p"},
    "mongodump": {"-p"},
    "mongorestore": {"-p"},
    "mongosh": {"-p"},
    "redis-cli": {"-a"},
    "sshpass": {"-p"},
}
_SECRET_GLUED = {
    "curl": "-u", "mariadb": "-p", "mysql": "-p", "mysqladmin": "-p", "mysqldump": "-p", "sshpass": "-p",
}  # fmt: skip
# Words of redis.conf, which redis takes on its command line as well.
_SECRET_WORDS = {"masterauth", "requirepass"}

# Ids, option names and words too short for a credential: nearly all that a command line has.
_PLAIN = re.compile(r"[0-9a-f]{64}|-{0,2}[a-z-]{1,20}|(?:sha256:)[0-9a-f]{64}")

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])")
_NO_ID = "0" * 64

# The whole argv of a shim, of which there may be thousands: no other option than these is let pass unread.
_SHIM_ARGV = re.compile(
    r"[\w./-]+(?:\0-debug|\0-(?:namespace|id|address|publish-binary)\0[\w./:-]+)*(?:\0(?:start|delete))?"
)

Struct = TypeVar("Struct", bound=msgspec.Struct)


def text(value: str) -> str:
    """`value` without credentials of known forms, in URLs, in headers, and after names that tell of a secret."""
    if _PLAIN.fullmatch(value):
        return value
    # A host says the same things of each of its containers. Whether a text has a secret in it does not depend on
    # which id it names, so that is found out once for all ids.
    alike = _ID.sub(_NO_ID, value)
    return value if _cleaned(alike) == alike else _cleaned(value)


@lru_cache(maxsize=1 << 16)
def _cleaned(value: str) -> str:
    if "://" in value:
        value = _URL.sub(rf"\1{HIDDEN}@", value)
        value = _QUERY.sub(_asked, value)
    value = _HEADER.sub(rf"\1\2{HIDDEN}", value)
    value = _COOKIE.sub(rf"\1{HIDDEN}", value)
    value = _FORMS.sub(HIDDEN, value)
    if '"value' in value:
        value = _NAME_AND_VALUE.sub(_valued, value)
    if "=" in value or ":" in value:
        value = _without_assigned(value)
    return value


def _asked(found: re.Match[str]) -> str:
    return found[1] + HIDDEN if _QUERY_NAME.search(found[2]) else found[0]


def _secret_name(name: str) -> bool:
    return bool(_NAME.search(name)) and not _HARMLESS.search(name)


def _without_assigned(value: str) -> str:
    """Only after a name that tells of a secret: the value of any other may hold such a name itself."""
    kept: list[str] = []
    at = 0
    for assigned in _ASSIGNED.finditer(value):
        if assigned.start() < at or not _secret_name(assigned[1]):
            continue
        secret = _VALUE.match(value, assigned.end())
        if secret is None or secret[0].startswith(HIDDEN):
            continue
        quote = secret[0][0] if secret[0][0] in "\"'" else ""
        kept += (value[at : assigned.end()], quote, HIDDEN, quote)
        at = secret.end()
    return "".join(kept) + value[at:]


def _valued(found: re.Match[str]) -> str:
    before, name = found.groups()
    return f'{before}"{HIDDEN}"' if _secret_name(name) else found.group()


def labels(values: dict[str, str]) -> dict[str, str]:
    """Labels with the values hidden whose key tells of a secret. Containerd's own `gc` labels name digests."""
    return {key: HIDDEN if value and _secret_name(key) else text(value) for key, value in values.items()}


@lru_cache(maxsize=4096)
def words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """An argv with secrets hidden: `--password x`, `--token=x`, `-u user:x` of curl, `NAME_TOKEN=x`, URLs; also in
    the script of a `sh -c`, which is one word of several."""
    after: set[str] = set()
    glued = ""
    shown: list[str] = []
    hide_next = False
    for word in argv:
        if not word or word.isspace():
            shown.append(word)
            continue
        if hide_next and not word.startswith("--"):
            shown.append(HIDDEN)
            hide_next = False
            continue
        name = word.strip("\"'").rpartition("/")[2]
        if name in _SECRET_AFTER or name in _SECRET_GLUED:
            after, glued = _SECRET_AFTER.get(name, set()), _SECRET_GLUED.get(name, "")
        option = _OPTION.fullmatch(word)
        hide_next = word in after or name in _SECRET_WORDS or bool(option and _secret_name(option[1]))
        shown.append(_word(word, after, glued))
    return tuple(shown)


def _word(word: str, after: set[str], glued: str) -> str:
    given = _GIVEN.fullmatch(word)
    if given and (_secret_name(given[2]) or given[1][:-1] in after):
        return given[1] + HIDDEN
    if glued and word.startswith(glued) and len(word) > len(glued):
        return glued + HIDDEN
    word = text(word)
    parts = re.split(r"(\s+)", word)
    return "".join(words(tuple(parts))) if len(parts) > 1 else word


def redacted(capture: Capture) -> Capture:
    """The capture without secrets."""
    return msgspec.structs.replace(
        capture,
        facts=tuple(map(_fact, capture.facts)),
        # The detail of a gap is often an engine's own message.
        gaps=tuple(_with(gap, detail=text(gap.detail)) for gap in capture.gaps),
        redacted=True,
    )


def _fact(fact: AnyFact) -> AnyFact:
    match fact:
        case Process():
            if not fact.argv or (fact.role == "shim" and _SHIM_ARGV.fullmatch("\0".join(fact.argv))):
                return fact
            return _with(fact, argv=words(fact.argv))
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
            return _with(fact, value=text(_URL.sub(r"\1", fact.value)))
        case ClientFile():
            return _with(fact, settings={key: text(_URL.sub(r"\1", value)) for key, value in fact.settings.items()})
        case DockerInfo():
            return _with(fact, warnings=tuple(map(text, fact.warnings)))
        case Plugin():
            return _with(fact, error=text(fact.error)) if fact.error else fact
        case _:
            return fact


def _command(line: str) -> str:
    """Docker's own line of a command: its words are joined with blanks, as in a script."""
    return words((line,))[0]


def _mounts(mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    return tuple(_with(mount, source=text(mount.source)) if "://" in mount.source else mount for mount in mounts)


def _with(struct: Struct, **changes: object) -> Struct:
    return msgspec.structs.replace(struct, **changes)
