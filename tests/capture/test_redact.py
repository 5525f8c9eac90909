"""What must not be in a capture, and what must stay in it: each row is planted where a host would have it."""

import time

import pytest

from stackscope.capture import files
from stackscope.capture.redact import HIDDEN, redacted
from stackscope.facts import AnyFact, Capture, Gap, Origin, Why
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Mount
from stackscope.facts.daemon import ContainerdNamespace, DockerInfo, Plugin
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.facts.process import Process
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.storage import Volume
from tests.capture.captures import ORIGIN, capture

WORD = "hunter2-Xq9"
"""A secret of no known form: only its place can give it away."""

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJlLW9mLWl0"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAsecretsecret\n-----END RSA PRIVATE KEY-----"
PGP = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGFakeFakeFake\n-----END PGP PRIVATE KEY BLOCK-----"


def process(*argv: str) -> Process:
    return Process(origin=ORIGIN, pid=7, starttime=70, ppid=1, comm="x", role="container", argv=argv)


def docker(command: str = "", labels: dict[str, str] | None = None, mount: str = "") -> DockerContainer:
    mounts = (Mount(type="bind", source=mount, destination="/x"),) if mount else ()
    return DockerContainer(
        origin=ORIGIN, id="a" * 64, names=("web",), image="web", image_id="sha256:" + "b" * 64, command=command,
        labels=labels or {}, mounts=mounts,
    )  # fmt: skip


def record(
    *args: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
) -> ContainerdContainer:
    return ContainerdContainer(
        origin=ORIGIN, namespace="moby", id="a" * 64, args=args, labels=labels or {}, annotations=annotations or {}
    )


def variable(name: str, value: str) -> ClientVariable:
    return ClientVariable(origin=ORIGIN, name=name, value=value)


def file(**settings: str) -> ClientFile:
    return ClientFile(
        origin=ORIGIN, client="nerdctl", path="/etc/nerdctl/nerdctl.toml", state="read", settings=settings
    )


def written(*facts: AnyFact, gaps: tuple[Gap, ...] = ()) -> str:
    taken: Capture = redacted(capture(*facts, gaps=gaps))
    assert taken.redacted
    return files.encode(taken).decode()


def label(key: str, value: str) -> AnyFact:
    return docker(labels={key: value})


# The planted text, the part that must be gone, and the fact that holds it.
PLANTED: dict[str, tuple[str, AnyFact]] = {
    # By the name of a label.
    "label: password": (WORD, label("db.password", WORD)),
    "label: pass": (WORD, label("DB_PASS", WORD)),
    "label: passphrase": (WORD, label("backup.passphrase", WORD)),
    "label: token": (WORD, label("runner-token", WORD)),
    "label: secret": (WORD, label("oauth.clientSecret", WORD)),
    "label: api key": (WORD, label("x-api-key", WORD)),
    "label: apikey": (WORD, label("datadogApiKey", WORD)),
    "label: basicauth": ("$apr1$ab$c", label("traefik.middlewares.a.basicauth.users", "a:$apr1$ab$cdefghijkl")),
    "label: webhook": (WORD, label("alert.webhook", f"https://chat.example/{WORD}")),
    "label: dsn": (WORD, label("SENTRY_DSN", f"https://{WORD}@sentry.example/1")),
    "label: connection string": (WORD, label("ConnectionString", f"Server=db;Pwd={WORD}")),
    "label: camel case": (WORD, label("redisAuth", WORD)),
    "label: authorization header": (WORD, label("customrequestheaders.Authorization", f"Basic {WORD}")),
    # By what stands in a label's value.
    "value: url": (WORD, label("repo", f"https://bot:{WORD}@git.example/a.git")),
    "value: url, @ in the password": ("p4ss", label("repo", "https://bot:a@p4ss@git.example/a.git")),
    "value: query": (WORD, label("hook", f"https://ci.example/run?job=3&sig={WORD}")),
    "value: fragment": (WORD, label("hook", f"https://ci.example/#access_token={WORD}")),
    "value: JSON": (WORD, label("config", f'{{"user":"a","password":"{WORD}","n":1}}')),
    "value: JSON with blanks": (WORD, label("config", f'{{"password": "correct {WORD} battery"}}')),
    "value: JSON with escapes": (WORD, label("config", rf'{{"password": "a\"{WORD}"}}')),
    "value: JSON in JSON": (WORD, label("config", rf'{{"inner": "{{\"password\":\"{WORD}\"}}"}}')),
    "value: JSON object": (WORD, label("config", f'{{"credentials":{{"user":"a","key2":"{WORD}"}}}}')),
    "value: env in JSON": (WORD, label("last-applied", f'[{{"name":"DB_PASSWORD","value":"{WORD}"}}]')),
    "value: docker config": ("dXNlcjpodW50ZXIy", label("cfg", '{"auths":{"r.example":{"auth":"dXNlcjpodW50ZXIy"}}}')),
    "value: YAML": (WORD, label("config", f"user: a\npassword: {WORD}\n")),
    "value: connection string": (WORD, label("db", f"Server=db;Database=a;Password={WORD};Encrypt=yes")),
    "value: Azure key": ("c2VjcmV0c2VjcmV0", label("blob", "AccountName=a;AccountKey=c2VjcmV0c2VjcmV0==;Suffix=x")),
    "value: cookie": (WORD, label("curl", f"-H 'Cookie: lang=en; session={WORD}'")),
    "value: digest authorization": (WORD, label("curl", f'Authorization: Digest username="a", response="{WORD}"')),
    # By its form alone.
    "form: private key": ("MIIEowIBAAKCAQEA", label("tls", KEY)),
    "form: PGP key": ("lQOYBGFakeFakeFake", label("gpg", PGP)),
    "form: age key": ("AGE-SECRET-KEY-1QQQQ", label("age", "AGE-SECRET-KEY-1" + "Q" * 58)),
    "form: AWS": ("AKIAIOSFODNN7EXAMPLE", label("id", "AKIAIOSFODNN7EXAMPLE")),
    "form: GitHub": ("ghp_0123456789", label("ci", "ghp_0123456789abcdefghijABCDEFGHIJ012345")),
    "form: GitHub, fine-grained": ("github_pat_11AA", label("ci", "github_pat_11AAAAAAA0bbbbbbbbbbbb_cccccccccc")),
    "form: GitLab": ("glpat-", label("ci", "glpat-0123456789abcdefghij")),
    "form: Slack": ("xoxb-", label("bot", "xoxb-012345678901-abcdefghijkl")),
    "form: Slack hook": ("XXXXXXXX", label("u", "https://hooks.slack.com/services/T000/B000/XXXXXXXX")),
    "form: Discord hook": ("abcDEF_secret", label("u", "https://discord.com/api/webhooks/123/abcDEF_secret")),
    "form: Telegram bot": ("AAHdqTcv", label("u", "https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1")),
    "form: Stripe": ("sk_live_", label("pay", "sk_live_0123456789abcdef")),
    "form: OpenAI": ("sk-proj-", label("ai", "sk-proj-0123456789abcdef0123")),
    "form: Google": ("AIza", label("maps", "AIza" + "SyA0123456789abcdefghijklmnopqrstuv")),
    "form: npm": ("npm_", label("n", "npm_" + "a1" * 18)),
    "form: Docker Hub": ("dckr_pat_", label("hub", "dckr_pat_0123456789abcdefABCDEF")),
    "form: Vault": ("hvs.", label("v", "hvs.CAESIJ0123456789abcdef")),
    "form: JWT": ("eyJzdWIi", label("j", JWT)),
    "form: Swarm": ("SWMTKN", label("j", "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-7p73s1dx5in4t")),
    "form: k3s": ("K10aaaa", label("j", "K10" + "a" * 64 + "::server:0123456789")),
    "form: kubeadm": ("0123456789abcdef", label("j", "abcdef.0123456789abcdef")),
    "form: crypt hash": ("$2y$05$", label("u", "admin:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC")),
    # In an argv.
    "argv: next word": (WORD, process("app", "--password", WORD, "serve")),
    "argv: one dash": (WORD, process("app", "-password", WORD)),
    "argv: equals": (WORD, process("app", f"--db-password={WORD}")),
    "argv: equals, blanks in it": (WORD, process("app", f"--db-password=correct {WORD} battery")),
    "argv: variable": (WORD, process("env", f"PGPASSWORD={WORD}", "psql")),
    "argv: variable, blanks in it": (WORD, process("env", f"PGPASSWORD=correct {WORD}", "psql")),
    "argv: curl -u": (WORD, process("/usr/bin/curl", "-u", f"admin:{WORD}", "https://a.example")),
    "argv: curl -u glued": (WORD, process("curl", f"-uadmin:{WORD}")),
    "argv: curl --user": (WORD, process("curl", f"--user=admin:{WORD}")),
    "argv: curl header": (WORD, process("curl", "-H", f"Authorization: Bearer {WORD}")),
    "argv: curl x-api-key": (WORD, process("curl", "-H", f"X-Api-Key: {WORD}")),
    "argv: mysql -p": (WORD, process("mysql", "-u", "root", f"-p{WORD}")),
    "argv: redis-cli -a": (WORD, process("redis-cli", "-a", WORD)),
    "argv: redis-server": (WORD, process("redis-server", "--requirepass", WORD, "--masterauth", WORD)),
    "argv: sshpass": (WORD, process("sshpass", "-p", WORD, "ssh", "a.example")),
    "argv: sshpass glued": (WORD, process("sshpass", f"-p{WORD}", "ssh", "a.example")),
    "argv: docker login": (WORD, process("docker", "login", "-u", "a", "-p", WORD, "r.example")),
    "argv: behind sudo": (WORD, process("sudo", "/usr/bin/mysql", f"-p{WORD}")),
    "argv: url": (WORD, process("app", f"postgres://app:{WORD}@db/app")),
    "argv: openssl": (WORD, process("openssl", "rsa", "-passin", f"pass:{WORD}")),
    "argv: script": (WORD, process("sh", "-c", f"export DB_PASSWORD={WORD}; exec app")),
    "argv: script, option": (WORD, process("sh", "-c", f"exec app --token {WORD} --port 80")),
    "argv: script, mysql": (WORD, process("sh", "-c", f"mysql -uroot -p{WORD} db <dump.sql")),
    "argv: script, redis.conf": (WORD, process("sh", "-c", f"redis-server - <<< 'requirepass {WORD}'")),
    # The same, where the engines repeat it.
    "docker command: option": (WORD, docker(f"app --password {WORD}")),
    "docker command: header": (WORD, docker(f"curl -H Authorization: Bearer {WORD} https://a.example")),
    "docker command: mysql": (WORD, docker(f"mysqldump -p{WORD} db")),
    "containerd args": (WORD, record("app", "--token", WORD)),
    "containerd label": (WORD, record(labels={"nerdctl/extra-password": WORD})),
    "annotation": (WORD, record(annotations={"vault.hashicorp.com/token": WORD})),
    "image label": (WORD, DockerImage(origin=ORIGIN, id="sha256:1", labels={"build.token": WORD})),
    "containerd image label": (
        WORD, ContainerdImage(origin=ORIGIN, namespace="x", name="a", target_digest="sha256:1", labels={"pass": WORD})
    ),
    "namespace label": (WORD, ContainerdNamespace(origin=ORIGIN, name="x", labels={"registry.password": WORD})),
    "snapshot label": (
        WORD,
        Snapshot(
            origin=ORIGIN, namespace="x", snapshotter="stargz", key="k", kind="view",
            labels={"containerd.io/snapshot/pullsecret": WORD},
        ),
    ),
    "lease label": (WORD, Lease(origin=ORIGIN, namespace="x", id="l", labels={"secret": WORD})),
    "volume label": (WORD, Volume(origin=ORIGIN, name="v", labels={"nfs.password": WORD})),
    "mount source": (WORD, docker(mount=f"smb://u:{WORD}@nas/share")),
    # Where a client looks, and what an engine says.
    "DOCKER_HOST": (WORD, variable("DOCKER_HOST", f"tcp://admin:{WORD}@build.example:2376")),
    "DOCKER_HOST, @ in the password": ("p4ss", variable("DOCKER_HOST", "tcp://a:b@p4ss@build.example:2376")),
    "DOCKER_HOST, query": (WORD, variable("DOCKER_HOST", f"tcp://build.example:2376?token={WORD}")),
    "client file": (WORD, file(address=f"tcp://a:{WORD}@build.example")),
    "docker warning": (
        WORD,
        DockerInfo(
            origin=ORIGIN, socket="/s", engine_id="", version="1", api_version="1.41", root="/r", driver="overlay2",
            warnings=(f"mirror https://u:{WORD}@r.example is down",),
        ),
    ),
    "plugin error": (
        WORD,
        Plugin(origin=ORIGIN, type="t", id="i", status="error", error=f"proxy http://u:{WORD}@p.example: refused"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_not_in_the_capture(kind: str) -> None:
    secret, fact = PLANTED[kind]
    assert secret in files.encode(capture(fact)).decode(), "not planted at all"

    text = written(fact)

    assert secret not in text
    if fact.__class__ not in (ClientVariable, ClientFile):
        assert HIDDEN in text


def test_the_engines_own_words_in_a_gap_are_redacted() -> None:
    gap = Gap(
        subject="dockerd:/s",
        why=Why.FAILED,
        detail=f"HTTP 500 Get https://u:{WORD}@r.example/v2/: refused",
        origin=Origin(witness="dockerd:/s", call="GET /info"),
    )
    text = written(gaps=(gap,))
    assert WORD not in text
    assert "r.example/v2/: refused" in text


KEPT: dict[str, tuple[str, AnyFact]] = {
    "DOCKER_HOST": ("unix:///run/user/1000/docker.sock", variable("DOCKER_HOST", "unix:///run/user/1000/docker.sock")),
    "DOCKER_HOST, tcp": ("tcp://10.0.0.1:2376", variable("DOCKER_HOST", "tcp://10.0.0.1:2376")),
    "DOCKER_HOST, without its password": ("tcp://h:2376", variable("DOCKER_HOST", "tcp://a:b@h:2376")),
    "CONTAINERD_ADDRESS": ("/run/k3s/containerd/c.sock", variable("CONTAINERD_ADDRESS", "/run/k3s/containerd/c.sock")),
    "DOCKER_CONTEXT": ("token-host", variable("DOCKER_CONTEXT", "token-host")),
    "nerdctl.toml": ("k8s.io", file(namespace="k8s.io", address="/run/containerd/containerd.sock")),
    "dockerd's argv": (
        '"--containerd","/run/containerd/containerd.sock","-H","fd://"',
        process("/usr/bin/dockerd", "--containerd", "/run/containerd/containerd.sock", "-H", "fd://"),
    ),
    "dockerd's argv, glued": (
        "--containerd=/run/containerd/containerd.sock",
        process("dockerd", "--containerd=/run/containerd/containerd.sock"),
    ),
    "dockerd's authorization plugin": (
        "--authorization-plugin=opa", process("dockerd", "--authorization-plugin=opa")
    ),
    "a shim's argv": (
        '"-namespace","moby","-id","' + "a" * 64 + '","-address","/run/containerd/containerd.sock"',
        process(
            "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", "a" * 64,
            "-address", "/run/containerd/containerd.sock",
        ),
    ),
    "a digest": ("sha256:" + "c" * 64, DockerImage(origin=ORIGIN, id="sha256:" + "c" * 64)),
    "an image with digest": ("web@sha256:" + "c" * 64, label("base", "web@sha256:" + "c" * 64)),
    "an id": ("d" * 64, label("com.docker.compose.config-hash", "d" * 64)),
    "compose project": ("shop", label("com.docker.compose.project", "shop")),
    "compose dependency": ("db:service_healthy", label("com.docker.compose.depends_on", "db:service_healthy:false")),
    "pod name": ("web-0", record(labels={"io.kubernetes.pod.name": "web-0"})),
    "sandbox id": ("e" * 64, record(annotations={"io.kubernetes.cri.sandbox-id": "e" * 64})),
    "authors": ("Jo <jo@web.example>", label("org.opencontainers.image.authors", "Jo <jo@web.example>")),
    "author": ("Jo", label("author", "Jo")),
    "maintainer": ("NGINX <docker-maint@nginx.com>", label("maintainer", "NGINX <docker-maint@nginx.com>")),
    "source": ("git@git.example:a/b.git", label("org.opencontainers.image.source", "git@git.example:a/b.git")),
    "url": ("https://a.example/b?tab=c", label("org.opencontainers.image.url", "https://a.example/b?tab=c")),
    "gc label": ("sha256:" + "f" * 64, record(labels={"containerd.io/gc.ref.content.0": "sha256:" + "f" * 64})),
    "distribution source": ("acme/web", record(labels={"containerd.io/distribution.source.docker.io": "acme/web"})),
    "router rule": ("Host(`a.example`)", label("traefik.http.routers.web.rule", "Host(`a.example`)")),
    "password file": ("/run/secrets/pw", process("env", "POSTGRES_PASSWORD_FILE=/run/secrets/pw")),
    "password file, option": ("/run/secrets/pw", process("app", "--password-file", "/run/secrets/pw")),
    "tokenizer": ("bert-base", label("ai.tokenizer", "bert-base")),
    "tokenizer, argv": ("--tokenizer=bert-base", process("vllm", "--tokenizer=bert-base")),
    "bypass": ("bypass=always", process("proxy", "bypass=always")),
    "compass": ("north", label("compass", "north")),
    "pass-through": ("on", label("tls.pass-through", "on")),
    "secretary": ("Sam", label("secretary", "Sam")),
    "spin": ("left", label("spin", "left")),
    "monkey": ("patch", label("monkey", "patch")),
    "java package": ("com.example.Application", process("java", "com.example.Application")),
    "ports": ("0.0.0.0:8080", process("docker-proxy", "-host", "0.0.0.0:8080", "-p", "80:80")),
    "user ids": ("1000:1000", docker("app --user 1000:1000 -p 80:80")),
    "script": ("exec nginx -g 'daemon off;'", process("sh", "-c", "exec nginx -g 'daemon off;'")),
    "docker command": ("/bin/sh -c 'while true; do date; done'", docker("/bin/sh -c 'while true; do date; done'")),
    "what stands beside a secret": ("--port=5432", docker(f"app --password {WORD} --port=5432")),
    "mount": ("/srv/token-service/data", docker(mount="/srv/token-service/data")),
    "JSON without secrets": ('{\\"a\\":1,\\"b\\":[\\"c\\"]}', label("config", '{"a":1,"b":["c"]}')),
}  # fmt: skip


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_no_secret_stays(kind: str) -> None:
    text, fact = KEPT[kind]
    assert text in written(fact)


HOSTILE = {
    "one name": "a" * 300_000,
    "names in a chain": "a-" * 100_000,
    "urls without end": "a-" * 100_000 + "://" + "b" * 300_000,
    "queries": "http://a?" + "token" * 100_000,
    "web tokens": "eyJ-" * 125_000,
    "quotes that stay open": 'password=\\",' * 20_000,
    "backslashes": 'password="' + "\\" * 300_001,
    "names and values": '"name":"' * 60_000,
    "begin": "-----BEGIN A" * 20_000,
    "headers": "authorization: " * 15_000,
    "blanks": "authorization" + " " * 200_000,
    "hashes": "$1$" * 160_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_is_slow_to_redact(kind: str) -> None:
    """Some hundred kilobytes each: what is quadratic takes minutes."""
    started = time.process_time()
    written(label("note", HOSTILE[kind]), process("app", HOSTILE[kind]))
    assert time.process_time() - started < 5


def test_redacting_again_changes_nothing() -> None:
    once = redacted(capture(*(fact for _, fact in PLANTED.values())))
    assert redacted(once) == once
