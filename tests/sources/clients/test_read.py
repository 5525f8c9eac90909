"""Clients' configuration files, whole and broken."""

import pytest

from stackscope.errors import Malformed
from stackscope.sources.clients import read


def test_a_nerdctl_toml() -> None:
    raw = b"""
# As nerdctl's documentation has it.
debug          = false
address        = "unix:///run/k3s/containerd/containerd.sock"
namespace      = "k8s.io"
snapshotter    = "stargz"
hosts_dir      = ["/etc/containerd/certs.d"]
"""
    assert read.nerdctl_toml(raw) == {
        "address": "unix:///run/k3s/containerd/containerd.sock",
        "namespace": "k8s.io",
        "snapshotter": "stargz",
    }
    assert read.nerdctl_toml(b"") == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"address = ",
        b"address = 7",
        b"namespace = ['a']",
        b"[address]\na = 1",
        b'address = "\xff"',
        b"a = 1\na = 2",
        b"n = " + b"9" * 5000,
        b"n = " + b"[" * 20_000,
        b"\x00",
        b"\xef\xbb\xbfaddress = 'x'",
    ],
)
def test_a_broken_nerdctl_toml_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.nerdctl_toml(raw)


def test_a_docker_config() -> None:
    raw = b'{"auths": {"r.example": {"auth": "c2VjcmV0"}}, "currentContext": "build"}'
    assert read.docker_config(raw) == {"currentContext": "build"}
    assert read.docker_config(b"{}") == {}
    assert read.docker_config(b'{"currentContext": ""}') == {}


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'{"currentContext": 1}', b'{"currentContext": null}', b'{"currentContext": "\xff"}', b"{" * 5000],
)
def test_a_broken_docker_config_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.docker_config(raw)


def test_a_context() -> None:
    # As `docker context create build` wrote it, with a password more.
    raw = (
        b'{"Name":"build","Metadata":{"Description":"the build host"},'
        b'"Endpoints":{"docker":{"Host":"ssh://me:hunter2@build.example","SkipTLSVerify":false}}}'
    )
    assert read.docker_context(raw) == {"name": "build", "host": "ssh://build.example"}
    assert read.docker_context(b'{"Name":"odd"}') == {"name": "odd", "host": ""}


@pytest.mark.parametrize(
    "raw", [b"", b"null", b'{"Endpoints":[]}', b'{"Endpoints":{"docker":{"Host":1}}}', b'{"Name":"\xff"}']
)
def test_a_broken_context_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.docker_context(raw)


def test_the_folder_of_a_context() -> None:
    # As `docker context create build` made it.
    assert read.context_folder("build") == "44575cf5b28512d75644bf54a517dcef304ff809fd511747621b4d64f19aac66"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("unix:///run/docker.sock", "unix:///run/docker.sock"),
        ("tcp://10.0.0.1:2376", "tcp://10.0.0.1:2376"),
        ("ssh://me@host", "ssh://host"),
        ("tcp://me:secret@host:1", "tcp://host:1"),
        ("tcp://me:p@ss@host:1/x@y", "tcp://host:1/x@y"),
        ("/run/a@b.sock", "/run/a@b.sock"),
        ("", ""),
    ],
)
def test_credentials_are_cut_out_of_urls(value: str, shown: str) -> None:
    assert read.without_credentials(value) == shown
