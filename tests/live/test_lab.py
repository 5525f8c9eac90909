"""The lab itself: it stages what it says, and nothing of it outlives it."""

import os
import signal
from pathlib import Path

import pytest

from tests.live.errors import CommandFailed, DaemonFailed, LabError
from tests.live.lab import Lab
from tests.live.leftovers import SHIM_SOCKETS, Leftovers
from tests.live.nerdctl import BUILD_LIMIT, NotBuilt, nerdctl, run_nerdctl
from tests.live.standard_host import ONLY_CTR, ONLY_K8S, PAUSE, StandardHost


def docker_states(host: StandardHost) -> dict[str, str]:
    listed = host.dockerd.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout
    return dict(line.split() for line in listed.splitlines())


def test_docker_containers_are_in_their_states(host: StandardHost) -> None:
    running = dict.fromkeys(("web", "db", "cache", "worker"), "running")
    others = {"job": "exited", "asleep": "paused", "later": "created"}
    assert docker_states(host) == running | others
    listed = host.dockerd.docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}")
    assert dict(line.split() for line in listed.stdout.splitlines()) == host.docker_containers


def test_docker_images_are_named_once_twice_and_never(host: StandardHost) -> None:
    form = "{{.Repository}}:{{.Tag}} {{.ID}}"
    listed = host.dockerd.docker("images", "-a", "--no-trunc", "--format", form).stdout
    expected = {**host.docker_images, "<none>:<none>": host.dangling_image}
    assert dict(line.split() for line in listed.splitlines()) == expected
    assert host.docker_images["acme/pause:1"] == host.docker_images["acme/pause:2"]


def test_containerd_namespaces_share_one_digest(host: StandardHost) -> None:
    default, kubernetes = host.images["default"], host.images["k8s.io"]
    assert default[PAUSE] == kubernetes[PAUSE]
    assert default.keys() == {PAUSE, ONLY_CTR}
    assert {name for name in kubernetes if name.startswith("docker.io/")} == {PAUSE, ONLY_K8S}
    assert host.docker_images["acme/pause:1"] in kubernetes, "the CRI plugin's second name"


def test_ctr_containers_run_in_the_cgroup_of_their_namespace(host: StandardHost) -> None:
    rows = host.containerd.ctr("tasks", "ls").stdout.splitlines()[1:]
    tasks = {row.split()[0]: row.split()[1] for row in rows}
    ids = host.containers["default"]
    assert sorted(tasks) == [ids["tool-a"], ids["tool-b"]]
    for container, pid in tasks.items():
        assert f":/default/{container}\n" in Path(f"/proc/{pid}/cgroup").read_text()


def test_lease_and_empty_namespace_are_there(host: StandardHost) -> None:
    assert host.containerd.ctr("leases", "ls", "-q").stdout.split() == [host.lease]
    rows = host.containerd.ctr("namespaces", "ls").stdout.splitlines()[1:]
    assert f"{host.empty_namespace} team=a" in [row.strip() for row in rows]


@pytest.mark.timeout(BUILD_LIMIT + 60)
def test_nerdctl_reads_the_private_containerd(host: StandardHost) -> None:
    program = nerdctl()
    if isinstance(program, NotBuilt):
        pytest.skip(program.reason)
    listed = run_nerdctl(program, host.containerd, "images", "--names", "-q", namespace="moby")
    assert listed.stdout == "", "dockerd keeps its images outside containerd"
    form = ("images", "--format", "{{.Repository}}:{{.Tag}}")
    listed = run_nerdctl(program, host.containerd, *form)
    assert sorted(listed.stdout.split()) == ["acme/only-ctr:1", "acme/pause:1"]


def test_killed_daemons_leave_containers_and_start_again(lab: Lab) -> None:
    containerd = lab.containerd()
    dockerd = lab.dockerd(containerd, extra_args=["--live-restore"])
    lab.docker_image(dockerd, "acme/pause:1", "pause")
    web = dockerd.run_container("acme/pause:1", "web")
    dockerd.kill()
    containerd.kill()
    with pytest.raises(LabError, match="not running"):
        _ = containerd.pid
    containerd.start()
    dockerd.start()
    assert dockerd.docker("ps", "-q", "--no-trunc").stdout.split() == [web]
    dockerd.stop()
    containerd.stop()


def test_dockerd_starts_a_containerd_of_its_own(lab: Lab) -> None:
    dockerd = lab.dockerd(None)
    children = Path(f"/proc/{dockerd.pid}/task/{dockerd.pid}/children").read_text().split()
    assert [Path(f"/proc/{pid}/comm").read_text() for pid in children] == ["containerd\n"]


def test_failures_carry_what_was_said(lab: Lab) -> None:
    containerd = lab.containerd()
    with pytest.raises(CommandFailed, match='image "nothing:1": not found'):
        containerd.run_container("nothing:1", "c")
    with pytest.raises(DaemonFailed, match="unknown flag: --nonsense"):
        lab.dockerd(containerd, extra_args=["--nonsense"])
    assert containerd.ctr("images", "rm", "--nonsense", check=False).returncode == 1


def test_nothing_outlives_a_lab_whose_shim_and_daemons_were_killed() -> None:
    with Lab() as lab:
        containerd = lab.containerd()
        dockerd = lab.dockerd(containerd)
        lab.docker_image(dockerd, "acme/pause:1", "pause")
        dockerd.run_container("acme/pause:1", "web", "-v", "data:/data")
        dockerd.run_container("acme/pause:1", "asleep")
        dockerd.docker("pause", "asleep")
        lab.containerd_image(containerd, PAUSE, "pause", namespace="other")
        containerd.run_container(PAUSE, "free", namespace="other")
        owned = Leftovers(lab.base, lab.leftovers.before)
        owned.note()
        assert len([path for path in owned.sockets if path.parent == SHIM_SOCKETS]) == 3
        assert len(owned.processes()) == 2 + 3 + 3, "daemons, shims, sleepers"
        shims = lab.shims()
        assert {namespace for namespace, _ in shims} == {"moby", "other"}
        for pid in shims.values():
            os.kill(pid, signal.SIGKILL)
        dockerd.kill()
        containerd.kill()
    assert owned.remaining() == []


def test_a_lab_that_fails_half_way_is_cleared_too() -> None:
    lab = Lab()
    with pytest.raises(DaemonFailed), lab:
        lab.dockerd(lab.containerd(), extra_args=["--nonsense"])
    assert lab.leftovers.remaining() == []


def test_clearing_never_deletes_through_a_mount(tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("precious")
    with Lab() as lab:
        containerd = lab.containerd()
        dockerd = lab.dockerd(containerd)
        lab.docker_image(dockerd, "acme/pause:1", "pause")
        options = ["-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}"]
        dockerd.docker("volume", "create", *options, "elsewhere")
        dockerd.run_container("acme/pause:1", "web", "-v", "elsewhere:/data")
        assert any("/volumes/elsewhere/" in point for point in lab.leftovers.mounts())
    assert (tmp_path / "keep").read_text() == "precious"


def test_processes_of_others_are_not_ours(lab: Lab) -> None:
    containerd = lab.containerd()
    assert lab.leftovers.processes() == [containerd.pid]
    stranger = Leftovers(Path(f"{lab.base}x"), lab.leftovers.before)
    assert stranger.processes() == []
