"""Which addresses are looked at, who named them, and which are left asleep."""

from collections.abc import Mapping, Sequence

import pytest

from stackscope.facts import Fact, Origin
from stackscope.facts.client import ClientFile
from stackscope.facts.process import Process
from stackscope.facts.socket import Listener, SocketHolder
from stackscope.sources import addresses
from stackscope.sources.addresses import USUAL, Api, Candidate, Holding

ORIGIN = Origin(witness="kernel", call="x")
DOCKERD, CONTAINERD, NESTED = 10, 11, 12
ENGINES = {DOCKERD: "dockerd", CONTAINERD: "containerd"}
DOCKER, CONTAINERD_SOCKET = "/run/docker.sock", "/run/containerd/containerd.sock"


def listening(*held: tuple[str, Sequence[int]]) -> list[Fact]:
    """Listening sockets: each a path and who holds it."""
    facts: list[Fact] = []
    for inode, (path, pids) in enumerate(held, 100):
        facts.append(Listener(origin=ORIGIN, path=path, socket_inode=inode))
        facts += [SocketHolder(origin=ORIGIN, socket_inode=inode, pid=pid, starttime=1) for pid in pids]
    return facts


def look(
    facts: Sequence[Fact] = (),
    environment: Mapping[str, str] | None = None,
    *,
    engines: Mapping[int, str] | None = None,
    links: Mapping[str, str] | None = None,
    asked: Sequence[tuple[str, str]] = (),
    seen: bool = True,
) -> dict[str, Candidate]:
    found = addresses.candidates(
        facts,
        ENGINES if engines is None else engines,
        environment or {},
        links or {},
        asked,
        all_processes_seen=seen,
    )
    assert len({candidate.path for candidate in found}) == len(found)
    return {candidate.path: candidate for candidate in found}


def test_the_usual_paths() -> None:
    found = look()
    assert [(path, str(candidate.api)) for path, candidate in found.items()] == list(USUAL)
    assert all(candidate.named_by == ["usual path"] and candidate.sure for candidate in found.values())
    assert {candidate.holding for candidate in found.values()} == {Holding.NOBODY}


def test_a_users_own_paths() -> None:
    found = look(environment={"XDG_RUNTIME_DIR": "/run/user/1000"})
    assert found["/run/user/1000/docker.sock"].api is Api.DOCKER
    assert found["/run/user/1000/docker/containerd/containerd.sock"].api is Api.CONTAINERD


def test_what_the_environment_names_comes_first() -> None:
    environment = {"DOCKER_HOST": "unix:///srv/d.sock", "CONTAINERD_ADDRESS": "/srv/c.sock"}
    found = list(look(environment=environment).values())
    assert [(c.path, c.api, c.named_by) for c in found[:2]] == [
        ("/srv/d.sock", Api.DOCKER, ["DOCKER_HOST"]),
        ("/srv/c.sock", Api.CONTAINERD, ["CONTAINERD_ADDRESS"]),
    ]


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:2376", "ssh://host", "/run/x.sock", "unix://", "npipe:////./pipe/d", ""]
)
def test_a_docker_host_that_is_no_unix_socket_is_not_looked_at(address: str) -> None:
    assert list(look(environment={"DOCKER_HOST": address})) == [path for path, _ in USUAL]


def test_containerds_address_with_and_without_its_scheme() -> None:
    assert "/srv/c.sock" in look(environment={"CONTAINERD_ADDRESS": "unix:///srv/c.sock"})
    assert "/srv/c.sock" in look(environment={"CONTAINERD_ADDRESS": "/srv/c.sock"})
    assert "srv/c.sock" not in look(environment={"CONTAINERD_ADDRESS": "srv/c.sock"})


def test_what_configuration_files_name() -> None:
    facts = [
        ClientFile(origin=ORIGIN, client="nerdctl", path="/n.toml", state="read", settings={"address": "/srv/c.sock"}),
        ClientFile(origin=ORIGIN, client="docker", path="/config.json", state="read", settings={"currentContext": "a"}),
        ClientFile(
            origin=ORIGIN, client="docker-context", path="/meta.json", state="read",
            settings={"name": "a", "host": "unix:///srv/d.sock"},
        ),
    ]  # fmt: skip
    found = look(facts)
    assert (found["/srv/c.sock"].api, found["/srv/c.sock"].named_by) == (Api.CONTAINERD, ["/n.toml"])
    assert (found["/srv/d.sock"].api, found["/srv/d.sock"].named_by) == (Api.DOCKER, ["/meta.json"])


def test_what_the_question_names() -> None:
    found = look(asked=(("containerd", "/srv/x.sock"),))
    assert (found["/srv/x.sock"].api, found["/srv/x.sock"].named_by) == (Api.CONTAINERD, ["the question"])


def test_the_kernel_shows_the_private_sockets_of_engines() -> None:
    found = look(
        listening(
            ("/srv/private/anything", [DOCKERD]),
            ("/srv/private/other", [CONTAINERD]),
            ("/srv/private/containerd.sock", [DOCKERD]),
        )
    )
    assert {c.path: (c.api, c.named_by, c.sure) for c in found.values() if c.named_by == ["kernel"]} == {
        "/srv/private/anything": (Api.DOCKER, ["kernel"], False),
        "/srv/private/other": (Api.CONTAINERD, ["kernel"], False),
        # A dockerd that has containerd within listens for both.
        "/srv/private/containerd.sock": (Api.CONTAINERD, ["kernel"], False),
    }
    assert found["/srv/private/other"].holding is Holding.ENGINE


def test_a_name_is_enough_where_holders_cannot_be_seen() -> None:
    found = look(listening(("/srv/a/docker.sock", []), ("/srv/a/containerd.sock", []), ("/srv/a/mydocker.sock", [])))
    assert found["/srv/a/docker.sock"].api is Api.DOCKER
    assert found["/srv/a/containerd.sock"].api is Api.CONTAINERD
    assert "/srv/a/mydocker.sock" not in found


@pytest.mark.parametrize(
    "path",
    [
        "/run/containerd/containerd.sock.ttrpc",
        "/run/containerd/debug.sock",
        "/run/docker/metrics.sock",
        "/run/nri/nri.sock",
        "/run/docker/libnetwork/0123abcd.sock",
        "/run/docker/plugins/rexray.sock",
        "/run/docker/swarm/control.sock",
    ],
)
@pytest.mark.parametrize("pid", [DOCKERD, CONTAINERD])
def test_an_engines_internal_sockets_are_not_asked(path: str, pid: int) -> None:
    assert path not in look(listening((path, [pid])))


def test_what_is_no_engines_is_not_asked() -> None:
    assert "/run/dbus/system_bus_socket" not in look(listening(("/run/dbus/system_bus_socket", [50])))


def test_an_address_has_all_who_name_it() -> None:
    found = look(listening((DOCKER, [DOCKERD])), {"DOCKER_HOST": f"unix://{DOCKER}"})
    assert found[DOCKER].named_by == ["DOCKER_HOST", "usual path", "kernel"]
    assert found[DOCKER].sure


def test_two_names_of_one_socket_are_one() -> None:
    """Dockerd binds and clients name /var/run, which is a link."""
    named = "/var/run/docker.sock"
    found = look(
        listening((named, [DOCKERD])), {"DOCKER_HOST": f"unix://{named}"}, links={named: DOCKER, DOCKER: DOCKER}
    )
    assert named not in found
    assert found[DOCKER].named == named
    assert found[DOCKER].holding is Holding.ENGINE
    assert found[DOCKER].named_by == ["DOCKER_HOST", "usual path", "kernel"]


def test_the_kernel_is_named_once_for_two_names_of_one_socket() -> None:
    held = listening(("/var/srv/docker.sock", [DOCKERD]), ("/srv/docker.sock", [DOCKERD]))
    found = look(held, links={"/var/srv/docker.sock": "/srv/docker.sock"})
    assert found["/srv/docker.sock"].named_by == ["kernel"]
    assert not found["/srv/docker.sock"].sure


@pytest.mark.parametrize("order", [1, -1])
def test_a_stale_listener_beside_the_engines_own(order: int) -> None:
    """A systemd socket that was restarted leaves init with the old one; both were bound to the path."""
    held = [(DOCKER, [1]), ("/var/run/docker.sock", [1, DOCKERD])][::order]
    found = look(listening(*held), links={"/var/run/docker.sock": DOCKER})
    assert found[DOCKER].holding is Holding.ENGINE


@pytest.mark.parametrize(
    ("pids", "engines", "seen", "holding"),
    [
        ([DOCKERD], ENGINES, True, Holding.ENGINE),
        ([1, DOCKERD], ENGINES, True, Holding.ENGINE),
        ([1], ENGINES, True, Holding.INIT_ONLY),
        ([1], {}, True, Holding.INIT_ONLY),
        ([1], {}, False, Holding.INIT_ONLY),
        ([50], {}, True, Holding.UNSEEN),  # a proxy of somebody's
        ([1, 50], {}, True, Holding.UNSEEN),
        # An ordinary user sees no open files: what runs decides.
        ([], {}, True, Holding.INIT_ONLY),
        ([], ENGINES, True, Holding.UNSEEN),
        ([], {CONTAINERD: "containerd"}, True, Holding.INIT_ONLY),
        ([], {}, False, Holding.UNSEEN),
    ],
)
def test_who_holds_a_socket(pids: list[int], engines: dict[int, str], seen: bool, holding: Holding) -> None:
    assert look(listening((DOCKER, pids)), engines=engines, seen=seen)[DOCKER].holding is holding


def test_a_socket_that_nobody_listens_on() -> None:
    assert look(listening((CONTAINERD_SOCKET, [CONTAINERD])))[DOCKER].holding is Holding.NOBODY


def test_the_order_is_the_same_whatever_the_order_of_the_facts() -> None:
    facts = listening(("/b/docker.sock", []), ("/a/docker.sock", []), ("/c/containerd.sock", [CONTAINERD]))
    assert list(look(facts)) == list(look(facts[::-1]))


def process(comm: str, role: str, *argv: str) -> Process:
    return Process(origin=ORIGIN, pid=77, starttime=1, ppid=1, comm=comm, role=role, argv=argv)


@pytest.mark.parametrize(
    ("fact", "path"),
    [
        (process("dockerd", "engine", "dockerd", "--containerd", "/srv/c.sock"), "/srv/c.sock"),
        (process("dockerd", "engine", "dockerd", "--containerd=unix:///srv/c.sock"), "/srv/c.sock"),
        (process("containerd-shim", "shim", "containerd-shim", "-id", "a", "-address", "/srv/c.sock"), "/srv/c.sock"),
        (process("dockerd", "engine", "dockerd", "--containerd"), None),
        (process("sleep", "container", "sleep", "--containerd", "/srv/c.sock"), None),
    ],
)
def test_what_an_argv_names(fact: Process, path: str | None) -> None:
    found = [c for c in look([fact]).values() if c.named_by != ["usual path"]]
    assert [(c.path, c.api) for c in found] == ([(path, Api.CONTAINERD)] if path else [])
