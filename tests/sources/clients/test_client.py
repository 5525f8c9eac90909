"""Which files decide, found below a root that stands for the host's."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stackscope.facts import Fact, Gap, Why
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.sources.clients import client
from stackscope.sources.clients.read import context_folder
from stackscope.transports.door import Root
from tests.rights import as_nobody, needs_root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    found = Root(str(tmp_path))
    yield found
    found.close()


def write(tmp_path: Path, path: str, text: str) -> None:
    file = tmp_path / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def look(root: Root, environment: Mapping[str, str] | None = None, uid: int = 0) -> list[Fact | Gap]:
    return list(client.look(root, environment or {}, "/home/me", uid))


def states(found: list[Fact | Gap]) -> dict[str, str]:
    return {fact.path: fact.state for fact in found if isinstance(fact, ClientFile)}


def settings(found: list[Fact | Gap], name: str) -> dict[str, str]:
    (fact,) = [fact for fact in found if isinstance(fact, ClientFile) and fact.client == name]
    return fact.settings


def context(tmp_path: Path, folder: str, name: str, host: str, said: str | None = None) -> None:
    meta = {"Name": name if said is None else said, "Endpoints": {"docker": {"Host": host}}}
    write(tmp_path, f"{folder}/contexts/meta/{context_folder(name)}/meta.json", json.dumps(meta))


def test_a_user_with_nothing_of_his_own(root: Root) -> None:
    found = look(root, uid=1000)
    assert states(found) == {
        "/home/me/.config/nerdctl/nerdctl.toml": "absent",
        "/home/me/.docker/config.json": "absent",
    }
    assert [item for item in found if isinstance(item, Gap)] == []


def test_root_has_the_file_of_the_host(root: Root, tmp_path: Path) -> None:
    write(tmp_path, "/etc/nerdctl/nerdctl.toml", 'namespace = "k8s.io"')
    assert settings(look(root), "nerdctl") == {"namespace": "k8s.io"}
    assert "/etc/nerdctl/nerdctl.toml" not in states(look(root, uid=1000))


def test_variables_name_other_files(root: Root, tmp_path: Path) -> None:
    write(tmp_path, "/x/n.toml", 'address = "/run/x"')
    write(tmp_path, "/x/docker/config.json", '{"currentContext": "build"}')
    context(tmp_path, "/x/docker", "build", "ssh://build")
    found = look(root, {"NERDCTL_TOML": "/x/n.toml", "DOCKER_CONFIG": "/x/docker"})
    assert settings(found, "nerdctl") == {"address": "/run/x"}
    assert settings(found, "docker-context") == {"name": "build", "host": "ssh://build"}
    found = look(root, {"XDG_CONFIG_HOME": "/conf"}, uid=1000)
    assert "/conf/nerdctl/nerdctl.toml" in states(found)


def test_the_variables_that_count_and_no_others(root: Root) -> None:
    environment = {
        "DOCKER_HOST": "tcp://me:hunter2@build:1",
        "CONTAINERD_NAMESPACE": "k8s.io",
        "DOCKER_CONTEXT": "",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "PATH": "/bin",
    }
    found = look(root, environment)
    assert {fact.name: fact.value for fact in found if isinstance(fact, ClientVariable)} == {
        "DOCKER_HOST": "tcp://build:1",
        "CONTAINERD_NAMESPACE": "k8s.io",
    }
    assert "hunter2" not in str(found)


def test_the_variable_and_the_current_context_are_both_read(root: Root, tmp_path: Path) -> None:
    write(tmp_path, "/home/me/.docker/config.json", '{"currentContext": "one"}')
    context(tmp_path, "/home/me/.docker", "one", "unix:///run/1")
    context(tmp_path, "/home/me/.docker", "two", "unix:///run/2")
    found = look(root, {"DOCKER_CONTEXT": "two"})
    hosts = [fact.settings for fact in found if isinstance(fact, ClientFile) and fact.client == "docker-context"]
    assert hosts == [{"name": "two", "host": "unix:///run/2"}, {"name": "one", "host": "unix:///run/1"}]


def test_the_default_context_has_no_file(root: Root) -> None:
    assert len(states(look(root, {"DOCKER_CONTEXT": "default"}))) == 2


@pytest.mark.parametrize("said", ["", "other"])
def test_a_context_is_known_by_the_name_that_it_was_asked_by(root: Root, tmp_path: Path, said: str) -> None:
    context(tmp_path, "/home/me/.docker", "build", "ssh://build", said)
    found = look(root, {"DOCKER_CONTEXT": "build"})
    assert settings(found, "docker-context") == {"name": "build", "host": "ssh://build"}


def test_a_context_without_its_file(root: Root) -> None:
    found = look(root, {"DOCKER_CONTEXT": "gone"})
    assert settings(found, "docker-context") == {"name": "gone"}
    assert "absent" in states(found).values()


@pytest.mark.parametrize(
    ("text", "why"),
    [("address = ", Why.MALFORMED), ("address = 1", Why.MALFORMED), ("#" * (1 << 20) + "#", Why.LIMIT)],
)
def test_a_broken_file_is_unreadable_and_a_gap(root: Root, tmp_path: Path, text: str, why: Why) -> None:
    write(tmp_path, "/etc/nerdctl/nerdctl.toml", text)
    found = look(root)
    assert states(found)["/etc/nerdctl/nerdctl.toml"] == "unreadable"
    assert [(gap.why, gap.subject) for gap in found if isinstance(gap, Gap)] == [(why, "client:nerdctl")]


def test_what_is_no_file_is_unreadable(root: Root, tmp_path: Path) -> None:
    (tmp_path / "etc" / "nerdctl" / "nerdctl.toml").mkdir(parents=True)
    (tmp_path / "home" / "me" / ".docker").mkdir(parents=True)
    os.mkfifo(tmp_path / "home" / "me" / ".docker" / "config.json")
    assert set(states(look(root)).values()) == {"unreadable"}


def test_a_file_in_place_of_a_folder_is_an_absence(root: Root, tmp_path: Path) -> None:
    write(tmp_path, "/home/me/.docker", "")
    assert states(look(root))["/home/me/.docker/config.json"] == "absent"


@needs_root
def test_a_file_of_another_user_is_denied(root: Root, tmp_path: Path) -> None:
    write(tmp_path, "/home/me/.docker/config.json", "{}")
    (tmp_path / "home" / "me").chmod(0o700)
    tmp_path.chmod(0o755)
    with as_nobody():
        found = look(root)
    assert states(found)["/home/me/.docker/config.json"] == "unreadable"
    assert [gap.why for gap in found if isinstance(gap, Gap)] == [Why.DENIED]
