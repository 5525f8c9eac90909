"""Links between witnesses, and what looks alike and is not the same."""

import pytest

from stackscope.facts.container import ContainerdContainer
from stackscope.facts.daemon import DockerConfig, Plugin
from stackscope.facts.image import ContainerdImage, DockerImage, ImageManifests, PlatformManifest
from stackscope.facts.process import Process
from stackscope.graph.build import rules
from stackscope.graph.links.in_cgroup import agreement
from stackscope.graph.model import Relation
from tests.graph.made import (
    CONTAINERD,
    DB,
    DOCKER,
    KERNEL,
    WEB,
    bundle,
    connection,
    containerd,
    docker_container,
    dockerd,
    endpoint,
    ends,
    engine,
    graph,
    held,
    links,
    namespace,
    process,
    record,
    said_by,
    shim,
    task,
)

OTHER = "/srv/other.sock"
DOCKERD_NODE = f"daemon|dockerd:{DOCKER}|dockerd"
CONTAINERD_NODE = f"daemon|containerd:{CONTAINERD}|containerd"
OTHER_NODE = f"daemon|containerd:{OTHER}|containerd"


# same_container


def test_one_container_of_two_witnesses() -> None:
    (link,) = links(Relation.SAME_CONTAINER, docker_container(WEB), record(WEB))
    assert (link.source, link.target) == (
        f"container|dockerd:{DOCKER}|{WEB}",
        f"container|containerd:{CONTAINERD}|moby/{WEB}",
    )
    assert [proof.shows for proof in link.evidence] == [WEB, WEB]


def test_one_id_in_two_daemons_is_linked_to_each() -> None:
    """One data directory served by two dockerds, one after the other."""
    found = links(Relation.SAME_CONTAINER, docker_container(WEB), docker_container(WEB, path=OTHER), record(WEB))
    assert [link.source for link in found] == [
        f"container|dockerd:{DOCKER}|{WEB}",
        f"container|dockerd:{OTHER}|{WEB}",
    ]


@pytest.mark.parametrize(
    ("docker_id", "containerd_id"),
    [(WEB, DB), (WEB, WEB[:12]), (WEB[:12], WEB[:12]), ("web", "web"), (WEB, WEB.upper())],
)
def test_other_ids_are_other_containers(docker_id: str, containerd_id: str) -> None:
    assert links(Relation.SAME_CONTAINER, docker_container(docker_id), record(containerd_id)) == []


def test_an_equal_name_is_no_equal_container() -> None:
    assert links(Relation.SAME_CONTAINER, docker_container(WEB, "web"), record("web", "default")) == []


# uses and supervises


def test_what_dockerd_says_of_its_containerd() -> None:
    facts = (*dockerd(10, containerd_address=CONTAINERD), *containerd(11))
    (link,) = links(Relation.USES, *facts)
    assert (link.source, link.target) == (DOCKERD_NODE, CONTAINERD_NODE)
    assert link.because == f"its /info names {CONTAINERD}"


def test_evidence_that_agrees_is_said_together() -> None:
    facts = (
        *dockerd(10, "--containerd", "/var/run/containerd/containerd.sock", containerd_address=CONTAINERD),
        *containerd(11),
        connection(10, CONTAINERD),
    )
    (link,) = links(Relation.USES, *facts)
    assert len(link.evidence) == 3
    assert "; but" not in link.because
    assert "--containerd /var/run/containerd/containerd.sock" in link.because


def test_evidence_that_disagrees_is_said_and_the_strongest_counts() -> None:
    facts = (
        *dockerd(10, f"--containerd={OTHER}"),
        *containerd(11),
        *containerd(12, OTHER, inode=3),
        connection(10, CONTAINERD),
    )
    (link,) = links(Relation.USES, *facts)
    assert link.target == CONTAINERD_NODE
    assert link.because == (
        f"the kernel shows it connected to {CONTAINERD}; but: its command line says --containerd {OTHER}"
    )
    assert len(link.evidence) == 1


def test_a_connection_of_another_process_proves_nothing() -> None:
    facts = (*dockerd(10), *containerd(11), connection(99, CONTAINERD))
    assert links(Relation.USES, *facts) == []


def test_a_containerd_that_was_not_found_is_linked_to_nothing() -> None:
    assert links(Relation.USES, *dockerd(10, containerd_address=OTHER), *containerd(11)) == []


def test_two_dockerds_and_one_containerd() -> None:
    facts = (
        *dockerd(10, "--containerd", CONTAINERD),
        *dockerd(20, "--containerd", CONTAINERD, path=OTHER, inode=5),
        *containerd(11),
    )
    assert ends(links(Relation.USES, *facts)) == [
        (DOCKERD_NODE, CONTAINERD_NODE),
        (f"daemon|dockerd:{OTHER}|dockerd", CONTAINERD_NODE),
    ]


def test_a_child_is_supervised_and_a_stranger_is_not() -> None:
    facts = (*dockerd(10), *containerd(11, ppid=10), *containerd(12, OTHER, inode=3))
    assert ends(links(Relation.SUPERVISES, *facts)) == [(DOCKERD_NODE, CONTAINERD_NODE)]
    assert ends(links(Relation.USES, *facts)) == [(DOCKERD_NODE, CONTAINERD_NODE)]


# owns


def test_a_namespace_is_owned_by_the_dockerd_whose_containers_are_in_it() -> None:
    facts = (*dockerd(10), *containerd(11), namespace("moby"), docker_container(WEB), record(WEB))
    (link,) = links(Relation.OWNS, *facts)
    assert link.source == DOCKERD_NODE
    assert link.because.startswith("1 of its containers are this dockerd's")


def test_a_namespace_named_moby_is_nobodys_without_a_dockerd_that_works_there() -> None:
    assert links(Relation.OWNS, *dockerd(10), *containerd(11), namespace("moby")) == []


def test_the_default_name_counts_in_the_containerd_that_it_uses_alone() -> None:
    facts = (
        *dockerd(10, containerd_address=CONTAINERD),
        *containerd(11),
        *containerd(12, OTHER, inode=3),
        namespace("moby"),
        namespace("moby", OTHER),
        namespace("default"),
    )

    def config(state: str, name: str = "") -> DockerConfig:
        return DockerConfig(origin=KERNEL, pid=10, path="/d.json", state=state, containerd_namespace=name)

    moby = [(DOCKERD_NODE, f"namespace|containerd:{CONTAINERD}|moby")]
    assert ends(links(Relation.OWNS, *facts, config("absent"))) == moby
    assert ends(links(Relation.OWNS, *facts, config("read"))) == moby
    assert links(Relation.OWNS, *facts, config("read", "acme")) == []
    # What may say otherwise could not be read: then no owner is better than a wrong one.
    assert links(Relation.OWNS, *facts, config("unreadable")) == []
    assert links(Relation.OWNS, *facts) == []


@pytest.mark.parametrize(("status", "owned"), [("ok", True), ("skipped", False), ("error", False)])
def test_the_cri_plugin_owns_its_namespace_where_it_is_loaded(status: str, owned: bool) -> None:
    plugin = Plugin(origin=said_by(f"containerd:{CONTAINERD}"), type="io.containerd.grpc.v1", id="cri", status=status)
    found = links(Relation.OWNS, *containerd(11), namespace("k8s.io"), namespace("default"), plugin)
    assert ends(found) == ([(CONTAINERD_NODE, f"namespace|containerd:{CONTAINERD}|k8s.io")] if owned else [])


# daemons and their sockets


def test_a_container_named_like_an_engine_is_none() -> None:
    topology = graph(docker_container(WEB, "dockerd"), record("containerd", "default"), process(50, "dockerd")).topology
    assert topology.of_kind("daemon") == []
    assert [node.attrs["role"] for node in topology.of_kind("process")] == ["process"]


def test_one_daemon_for_one_process_at_two_sockets() -> None:
    facts = (*dockerd(10), endpoint(OTHER, "docker"), *held(OTHER, 10, inode=8))
    topology = graph(*facts).topology
    assert [node.id for node in topology.of_kind("daemon")] == [DOCKERD_NODE]
    assert [link.target for link in topology.links(Relation.LISTENS_ON)] == [
        f"socket|kernel|{DOCKER}",
        f"socket|kernel|{OTHER}",
    ]


@pytest.mark.parametrize("nested_first", [True, False])
def test_two_engines_that_listen_at_a_path_of_one_name(nested_first: bool) -> None:
    """One of them in a mount namespace of its own: the kernel's table has both, and tells who answered here."""
    ours, nested = held(DOCKER, 10, inode=1), held(DOCKER, 20, inode=2)
    sockets = nested + ours if nested_first else ours + nested
    facts = (engine(10, "dockerd"), engine(20, "dockerd", "--nested"), endpoint(DOCKER, "docker", peer=10), *sockets)
    (link,) = links(Relation.LISTENS_ON, *facts)
    daemon = graph(*facts).topology.nodes[link.source]
    assert daemon.attrs["pid"] == 10
    assert link.because == "pid 10 has the listening socket 1 open"


def test_a_socket_that_systemd_made_is_the_engines_that_has_it_open() -> None:
    facts = (engine(10, "dockerd", "-H", "fd://"), endpoint(DOCKER, "docker", peer=1), *held(DOCKER, 1, 10, inode=1))
    (link,) = links(Relation.LISTENS_ON, *facts)
    assert graph(*facts).topology.nodes[link.source].attrs["pid"] == 10


def test_an_engine_whose_files_are_hidden_is_known_by_who_called_listen() -> None:
    facts = (engine(10, "dockerd"), endpoint(DOCKER, "docker", peer=10), *held(DOCKER, inode=1))
    (link,) = links(Relation.LISTENS_ON, *facts)
    assert "SO_PEERCRED" in link.because


def test_a_dead_socket_is_listened_on_by_nobody() -> None:
    facts = (engine(10, "dockerd", "-H", f"unix://{DOCKER}"), endpoint(DOCKER, "docker", state="dead"))
    assert links(Relation.LISTENS_ON, *facts) == []


def test_the_containerd_address_of_a_dockerd_is_not_its_own_socket() -> None:
    facts = (engine(10, "dockerd", f"--containerd={CONTAINERD}"), endpoint(CONTAINERD, "containerd"))
    assert links(Relation.LISTENS_ON, *facts) == []


# shims


def test_a_shim_its_container_and_its_containerd() -> None:
    facts = (*containerd(11), shim(30, "moby", WEB), record(WEB))
    assert ends(links(Relation.SHIM_OF, *facts)) == [
        ("shim|kernel|30@300", f"container|containerd:{CONTAINERD}|moby/{WEB}")
    ]
    assert ends(links(Relation.REPORTS_TO, *facts)) == [("shim|kernel|30@300", CONTAINERD_NODE)]


def test_a_shim_whose_address_is_no_containerds_that_was_found() -> None:
    facts = (*containerd(11), shim(30, "moby", WEB, OTHER), record(WEB))
    assert links(Relation.SHIM_OF, *facts) == []
    assert links(Relation.REPORTS_TO, *facts) == []


@pytest.mark.parametrize(("name", "container"), [("default", WEB), ("moby", DB), ("", WEB)])
def test_a_shim_of_another_namespace_or_id(name: str, container: str) -> None:
    assert links(Relation.SHIM_OF, *containerd(11), shim(30, name, container), record(WEB)) == []


def test_a_shim_address_is_compared_resolved() -> None:
    facts = (*containerd(11), shim(30, "moby", WEB, "/var/run/containerd/containerd.sock"), record(WEB))
    assert len(links(Relation.REPORTS_TO, *facts)) == 1


def test_one_shim_for_a_group() -> None:
    grouped = ContainerdContainer(
        origin=said_by(f"containerd:{CONTAINERD}"), namespace="k8s.io", id="app",
        annotations={"io.kubernetes.cri.sandbox-id": "pod"},
    )  # fmt: skip
    elsewhere = ContainerdContainer(
        origin=said_by(f"containerd:{CONTAINERD}"), namespace="default", id="app",
        annotations={"io.kubernetes.cri.sandbox-id": "pod"},
    )  # fmt: skip
    found = links(
        Relation.SHIM_OF, *containerd(11), shim(30, "k8s.io", "pod"), record("pod", "k8s.io"), grouped, elsewhere
    )
    assert [link.target.rpartition("|")[2] for link in found] == ["k8s.io/app", "k8s.io/pod"]


# runs: a container's first process


def test_a_task_runs_the_process_that_has_its_pid() -> None:
    facts = (*containerd(11), record(WEB), task(WEB, 40), shim(30, "moby", WEB))
    (link,) = links(Relation.RUNS, *facts, process(40, ppid=30))
    assert link.target == "process|kernel|40@400"
    # The same number of another pid namespace, or given to another since.
    assert links(Relation.RUNS, *facts, process(40, ppid=1)) == []
    stopped = (*containerd(11), record(WEB), task(WEB, 40, status="stopped"), shim(30, "moby", WEB))
    assert links(Relation.RUNS, *stopped, process(40, ppid=30)) == []


def test_a_task_whose_process_is_gone_runs_nothing() -> None:
    assert links(Relation.RUNS, *containerd(11), record(WEB), task(WEB, 40)) == []
    assert links(Relation.RUNS, *containerd(11), record(WEB), task(WEB, 0), process(41)) == []


BUNDLE = f"/run/containerd/io.containerd.runtime.v2.task/moby/{WEB}"


@pytest.mark.parametrize(
    ("init_pid", "ppid", "runs"),
    [(40, 30, True), (40, 1, False), (40, 31, False), (41, 30, False)],
    ids=["its child", "an orphan of that pid", "another shim's child", "another pid"],
)
def test_a_hung_shims_bundle_counts_where_the_process_is_its_child(init_pid: int, ppid: int, runs: bool) -> None:
    """A pid of a file may have been given to anyone since."""
    facts = (
        *containerd(11),
        record(WEB),
        task(WEB, 0, status="unknown"),
        shim(30, "moby", WEB, cwd=BUNDLE),
        bundle(BUNDLE, "moby", WEB, init_pid),
        process(40, ppid=ppid),
    )
    found = links(Relation.RUNS, *facts)
    assert [link.target for link in found] == (["process|kernel|40@400"] if runs else [])
    if runs:
        assert "which did not answer" in found[0].because


def test_containerds_word_comes_before_the_bundles() -> None:
    facts = (
        *containerd(11),
        record(WEB),
        task(WEB, 41),
        shim(30, "moby", WEB, cwd=BUNDLE),
        bundle(BUNDLE, "moby", WEB, 40),
        process(40, ppid=30),
        process(41, ppid=30),
    )
    (link,) = links(Relation.RUNS, *facts)
    assert link.target == "process|kernel|41@410"


# in_cgroup


@pytest.mark.parametrize(
    ("spec", "kernel", "agrees"),
    [
        (f"/docker/{WEB}", f"/docker/{WEB}", True),
        (f"/docker/{WEB}", f"/docker/{WEB}/init.scope", True),
        (f"/docker/{WEB}", f"/outer/docker/{WEB}", True),
        (f"docker/{WEB}", f"/docker/{WEB}", True),
        (f"system.slice:docker:{WEB}", f"/system.slice/docker-{WEB}.scope", True),
        (f"system.slice:docker:{WEB}", f"/system.slice/docker-{WEB}.scope/child", True),
        (
            "kubepods-pod1.slice:cri-containerd:abc",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-abc.scope",
            True,
        ),
        (":docker:abc", "/system.slice/docker-abc.scope", True),
        ("a.slice:x:b.slice", "/a.slice/b.slice", True),
        # Near misses.
        ("/default/tool", "/default/tool-b", False),
        ("/default/tool", "/default/my/tool", False),
        ("/tool", "/default/atool", False),
        (f"/docker/{WEB}", f"/docker/{DB}", False),
        (f"system.slice:docker:{WEB}", f"/system.slice/docker-{DB}.scope", False),
        (f"system.slice:docker:{WEB}", f"/docker/{WEB}", False),
        ("system.slice:docker:a", "/system.slice/docker-a.scope2", False),
        ("/odd:name:here", "/name-here.scope", False),
        ("/odd:name:here", "/odd:name:here", True),
    ],
)
def test_what_a_spec_says_of_the_cgroup(spec: str, kernel: str, agrees: bool) -> None:
    assert agreement(spec, kernel).startswith(", as its spec says" if agrees else "; its spec says")


def test_a_spec_that_says_nothing_is_not_contradicted() -> None:
    assert agreement("", "/a") == ""
    # The other hierarchies of a hybrid host stay at their root.
    assert agreement("/docker/a", "/") == ""


def test_a_container_is_in_the_cgroup_of_its_first_process() -> None:
    path = f"/system.slice/docker-{WEB}.scope"
    facts = (
        *containerd(11),
        record(WEB, cgroups_path=f"system.slice:docker:{WEB}"),
        task(WEB, 40),
        process(40, cgroup=path),
        process(42, cgroup="/elsewhere"),
    )
    found = {link.source: link for link in links(Relation.IN_CGROUP, *facts)}
    link = found[f"container|containerd:{CONTAINERD}|moby/{WEB}"]
    assert link.target == f"cgroup|kernel|{path}"
    assert link.because == f"its first process, pid 40, is in it, as its spec says (system.slice:docker:{WEB})"


# images


def docker_image(image_id: str, *tags: str, target: str = "") -> DockerImage:
    return DockerImage(origin=said_by(f"dockerd:{DOCKER}"), id=image_id, repo_tags=tags, target_digest=target)


def containerd_image(name: str, digest: str, space: str = "default") -> ContainerdImage:
    return ContainerdImage(origin=said_by(f"containerd:{CONTAINERD}"), namespace=space, name=name, target_digest=digest)


def manifests(target: str, config: str) -> ImageManifests:
    return ImageManifests(
        origin=said_by(f"containerd:{CONTAINERD}"),
        namespace="default",
        target_digest=target,
        manifests=(PlatformManifest(digest=target, config_digest=config),),
    )


def test_a_config_digest_and_a_target_digest_need_the_manifest_between_them() -> None:
    docker, other = docker_image("sha256:config", "web:1"), containerd_image("web:1", "sha256:target")
    assert links(Relation.SAME_CONTENT, *dockerd(10), docker, other) == []
    (link,) = links(Relation.SAME_CONTENT, *dockerd(10), docker, other, manifests("sha256:target", "sha256:config"))
    assert link.because == "the config digest of one is the image id of the other"


def test_equal_names_are_no_equal_content() -> None:
    facts = (docker_image("sha256:1", "web:1"), containerd_image("web:1", "sha256:2"))
    assert links(Relation.SAME_CONTENT, *dockerd(10), *facts) == []


def test_many_names_of_one_content_are_a_chain() -> None:
    names = [containerd_image(f"web:{number}", "sha256:1") for number in range(5)]
    assert len(links(Relation.SAME_CONTENT, *names)) == 4


# all rules


def test_every_rule_is_content_with_no_facts_and_with_odd_ones() -> None:
    odd: list[Process] = [
        process(1, "dockerd", role="engine", ppid=1),
        process(2, "containerd-shim", role="shim", ppid=2),
        process(0, "", role="engine", ppid=0),
    ]
    for facts in ((), tuple(odd)):
        topology = graph(*facts).topology
        for rule in rules():
            assert all(link.relation is rule.relation for link in topology.links(rule.relation))


def test_no_link_ends_at_nothing() -> None:
    facts = (
        *dockerd(10, containerd_address=CONTAINERD),
        *containerd(11),
        task(WEB, 40),
        record(DB),
        shim(30, "x", "y"),
    )
    topology = graph(*facts).topology
    for link in topology.all_links:
        assert link.source in topology.nodes
        assert link.target in topology.nodes
