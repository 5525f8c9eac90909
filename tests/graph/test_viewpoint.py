"""Where a client looks, by its command line, environment, files and defaults."""

import pytest

from stackscope.errors import UnknownClient
from stackscope.facts import AnyFact
from stackscope.graph.index import Index
from stackscope.graph.model import Relation
from stackscope.graph.viewpoint import Viewpoint, resolve
from tests.capture.captures import capture
from tests.graph.made import CONTAINERD, DOCKER, containerd, dockerd, endpoint, ends, file, links, namespace, variable

TOML = "/etc/nerdctl/nerdctl.toml"
CONFIG = "/root/.docker/config.json"
META = "/root/.docker/contexts/meta/x/meta.json"


def see(line: str, *facts: AnyFact) -> Viewpoint:
    return resolve(Index(capture(*facts)), line)


@pytest.mark.parametrize(
    ("line", "address", "namespace_"),
    [
        ("nerdctl", CONTAINERD, "default"),
        ("ctr", CONTAINERD, "default"),
        ("/usr/local/bin/nerdctl", CONTAINERD, "default"),
        ("nerdctl -n k8s.io", CONTAINERD, "k8s.io"),
        ("nerdctl -nk8s.io", CONTAINERD, "k8s.io"),
        ("nerdctl -n=k8s.io", CONTAINERD, "k8s.io"),
        ("nerdctl --namespace k8s.io", CONTAINERD, "k8s.io"),
        ("nerdctl --namespace=k8s.io", CONTAINERD, "k8s.io"),
        ("nerdctl --namespace=", CONTAINERD, ""),
        ("nerdctl -n a -n b", CONTAINERD, "b"),
        ("nerdctl -a /x.sock", "/x.sock", "default"),
        ("nerdctl -a/x.sock", "/x.sock", "default"),
        ("nerdctl -H unix:///x.sock --debug", "unix:///x.sock", "default"),
        ("nerdctl --address=/x.sock --namespace=n", "/x.sock", "n"),
        ("nerdctl -n 'two words'", CONTAINERD, "two words"),
        ("ctr -n k8s.io -a /x.sock", "/x.sock", "k8s.io"),
        # ctr uses Go's own flags: one dash or two, for every name.
        ("ctr -namespace k8s.io", CONTAINERD, "k8s.io"),
        ("ctr -namespace=k8s.io", CONTAINERD, "k8s.io"),
        ("ctr --n k8s.io", CONTAINERD, "k8s.io"),
        ("ctr -address /x.sock", "/x.sock", "default"),
        ("ctr -address=/x.sock", "/x.sock", "default"),
        ("ctr --a=/x.sock -debug", "/x.sock", "default"),
    ],
)
def test_options_of_containerds_clients(line: str, address: str, namespace_: str) -> None:
    view = see(line)
    assert (view.address, view.namespace) == (address, namespace_)
    assert view.witness == f"containerd:{address.removeprefix('unix://')}"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("docker", "/run/docker.sock"),
        ("docker -H unix:///x.sock", "/x.sock"),
        ("docker -Hunix:///x.sock", "/x.sock"),
        ("docker --host=unix:///x.sock", "/x.sock"),
        ("docker --host unix:///x.sock -D", "/x.sock"),
        ("docker -H tcp://10.0.0.1:2376 --tlsverify", ""),
        ("docker -H ssh://me@host", ""),
    ],
)
def test_options_of_docker(line: str, path: str) -> None:
    view = see(line)
    assert view.path == path
    assert (view.namespace, view.unsure) == ("", "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "no client"),
        ("podman", "podman' is known"),
        ("docker 'unclosed", "cannot be read"),
        ("docker images", "'images' is no option that decides where it looks"),
        ("docker -l debug", "'-l' is no option"),
        ("docker -n k8s.io", "'-n' is no option"),
        ("docker -H", "-H needs a value"),
        ("nerdctl --namespace", "--namespace needs a value"),
        ("nerdctl --namespacex y", "'--namespacex' is no option"),
        ("nerdctl --snapshotter=stargz", "is no option"),
        ("ctr -nk8s.io", "'--nk8s.io' is no option"),
        ("ctr -addr /x", "is no option"),
        ("ctr images ls", "'images' is no option"),
        ("docker -H unix:///a -c b", "a host or a context, not both"),
    ],
)
def test_lines_that_are_not_understood(line: str, says: str) -> None:
    with pytest.raises(UnknownClient) as caught:
        see(line)
    assert says in caught.value.message
    assert caught.value.hint


def test_the_command_line_wins_over_the_environment_and_that_over_the_file() -> None:
    facts = (
        file("nerdctl", TOML, address="/file.sock", namespace="file"),
        variable("CONTAINERD_NAMESPACE", "environment"),
    )
    view = see("nerdctl", *facts)
    assert (view.address, view.address_from) == ("/file.sock", TOML)
    assert (view.namespace, view.namespace_from) == ("environment", "$CONTAINERD_NAMESPACE")
    view = see("nerdctl -n line", *facts)
    assert (view.namespace, view.namespace_from) == ("line", "-n on its command line")


def test_ctr_does_not_read_nerdctls_file() -> None:
    view = see("ctr", file("nerdctl", TOML, address="/file.sock", namespace="file"))
    assert (view.address, view.namespace, view.namespace_from) == (CONTAINERD, "default", "ctr's default")


def test_ctr_reads_the_environment() -> None:
    view = see("ctr", variable("CONTAINERD_ADDRESS", "/e.sock"), variable("CONTAINERD_NAMESPACE", "e"))
    assert (view.path, view.namespace) == ("/e.sock", "e")


@pytest.mark.parametrize(
    ("line", "unsure"),
    [("nerdctl", TOML), ("nerdctl -n x", TOML), ("nerdctl -n x -a /y", ""), ("ctr", ""), ("docker", "")],
)
def test_a_file_that_could_not_be_read_makes_unsure_what_it_might_decide(line: str, unsure: str) -> None:
    assert see(line, file("nerdctl", TOML, state="unreadable")).unsure == unsure


def test_a_file_that_is_not_there_decides_nothing() -> None:
    facts = (file("nerdctl", TOML, state="absent"), file("docker", CONFIG, state="absent"))
    assert (see("nerdctl", *facts).unsure, see("docker", *facts).unsure) == ("", "")


CONTEXT = file("docker-context", META, name="build", host="unix:///build.sock")
BY_VARIABLE = variable("DOCKER_CONTEXT", "build")
BY_FILE = file("docker", CONFIG, currentContext="build")


@pytest.mark.parametrize(
    ("line", "facts", "path", "source"),
    [
        ("docker", (variable("DOCKER_HOST", "unix:///h.sock"),), "/h.sock", "$DOCKER_HOST"),
        ("docker", (BY_VARIABLE, CONTEXT), "/build.sock", 'context "build", by $DOCKER_CONTEXT'),
        ("docker", (BY_FILE, CONTEXT), "/build.sock", f'context "build", by {CONFIG}'),
        ("docker -c build", (CONTEXT,), "/build.sock", 'context "build", by --context on its command line'),
        ("docker --context=default", (variable("DOCKER_HOST", "unix:///h.sock"),), DOCKER, "docker's default"),
        # DOCKER_HOST overrides every context but one of the command line.
        (
            "docker",
            (variable("DOCKER_HOST", "unix:///h.sock"), variable("DOCKER_CONTEXT", "build"), CONTEXT),
            "/h.sock",
            "$DOCKER_HOST",
        ),
        (
            "docker -c build",
            (variable("DOCKER_HOST", "unix:///h.sock"), CONTEXT),
            "/build.sock",
            'context "build", by --context on its command line',
        ),
        # The variable overrides the file.
        (
            "docker",
            (variable("DOCKER_CONTEXT", "default"), file("docker", CONFIG, currentContext="build"), CONTEXT),
            DOCKER,
            "docker's default, by $DOCKER_CONTEXT",
        ),
    ],
)  # fmt: skip
def test_who_decides_for_docker(line: str, facts: tuple[AnyFact, ...], path: str, source: str) -> None:
    view = see(line, *facts)
    assert (view.path, view.unsure) == (path, "")
    assert view.address_from.startswith(source)


def test_a_context_that_was_not_captured_is_unsure() -> None:
    view = see("docker -c gone", CONTEXT)
    assert (view.address, view.path) == ("", "")
    assert 'context "gone", which was not captured' in view.unsure


def test_a_context_whose_file_could_not_be_read_is_unsure() -> None:
    broken = file("docker-context", META, state="unreadable", name="build")
    assert see("docker -c build", broken).unsure == META


def test_an_unreadable_config_makes_the_default_unsure_and_nothing_else() -> None:
    broken = file("docker", CONFIG, state="unreadable")
    assert see("docker", broken).unsure == CONFIG
    assert see("docker -H unix:///x", broken).unsure == ""
    assert see("docker", broken, variable("DOCKER_HOST", "unix:///x")).unsure == ""


def test_another_config_folder_was_not_read() -> None:
    here = file("docker", CONFIG, currentContext="build")
    assert "/other/config.json, which was not captured" in see("docker --config /other", here, CONTEXT).unsure
    assert see("docker --config /root/.docker", here, CONTEXT).unsure == ""
    assert see("docker --config /other -H unix:///x", here).unsure == ""


@pytest.mark.parametrize(
    "address", ["unix:///var/run/docker.sock", "unix:///run/docker.sock", "unix:///run/../run/docker.sock"]
)
def test_two_names_of_one_socket(address: str) -> None:
    assert see(f"docker -H {address}").path == "/run/docker.sock"


def test_a_link_that_was_followed_when_the_host_was_seen() -> None:
    known = endpoint("/srv/real.sock", "docker", named="/srv/link.sock")
    assert see("docker -H unix:///srv/link.sock", known).path == "/srv/real.sock"


def test_clients_see_what_they_are_pointed_at() -> None:
    found = links(
        Relation.SEES,
        *dockerd(10),
        *containerd(11),
        namespace("default"),
        namespace("k8s.io"),
        file("nerdctl", TOML, namespace="k8s.io"),
    )
    assert ends(found) == [
        ("client|client:ctr|uid 0", f"namespace|containerd:{CONTAINERD}|default"),
        ("client|client:docker|uid 0", f"daemon|dockerd:{DOCKER}|dockerd"),
        ("client|client:nerdctl|uid 0", f"namespace|containerd:{CONTAINERD}|k8s.io"),
    ]
    assert TOML in found[2].because


def test_an_unsure_client_is_linked_to_nothing() -> None:
    facts = (*containerd(11), namespace("default"), file("nerdctl", TOML, state="unreadable"))
    assert ends(links(Relation.SEES, *facts)) == [
        ("client|client:ctr|uid 0", f"namespace|containerd:{CONTAINERD}|default")
    ]
