"""The parsers of /proc, with a real kernel's bytes and with what a hostile process can make of them."""

from pathlib import Path

import pytest

from stackscope.errors import Malformed
from stackscope.sources.proc import read
from stackscope.sources.proc.read import Stat, UnixRow

SAMPLES = Path(__file__).parent / "samples"

# All after the command name, from state to exit_code.
REST = b" S 1 2486 2184 0 -1 4194304 1667 2113 0 0 37 5 1 0 20 0 11 0 211460 1498726400 3375 18446744073709551615 0\n"
HEAD = b"Num       RefCount Protocol Flags    Type St Inode Path\n"


def row(rest: bytes, flags: bytes = b"00010000", kind: bytes = b"0001", inode: bytes = b"4711") -> bytes:
    return b"0000000084b05869: 00000002 00000000 " + flags + b" " + kind + b" 01 " + inode + rest + b"\n"


def test_a_real_stat() -> None:
    stat = read.parse_stat((SAMPLES / "stat-shim").read_bytes())
    assert stat == Stat(pid=2486, comm="containerd-shim", state="S", ppid=1, starttime=211460)


def test_a_kernel_thread_is_known_by_its_flag() -> None:
    assert not read.parse_stat(b"10 (dockerd)" + REST).kernel
    assert read.parse_stat(b"2 (kthreadd) S 0 0 0 0 -1 2129984" + REST[27:]).kernel


@pytest.mark.parametrize(
    "comm",
    [
        b"dockerd",
        b"two words",
        b"a) S 1 (b",
        b")",
        b"((",
        b"line\nbreak",
        b"1 (x) S 0 0",
        b"",
    ],
)
def test_a_command_name_may_hold_anything(comm: bytes) -> None:
    stat = read.parse_stat(b"2486 (" + comm + b")" + REST)
    assert (stat.pid, stat.comm, stat.ppid, stat.starttime) == (2486, comm.decode(), 1, 211460)


def test_a_command_name_that_is_no_utf8_is_shown_as_escapes() -> None:
    assert read.parse_stat(b"7 (a\xffb)" + REST).comm == "a\\xffb"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"2486",
        b"2486 (x",
        b"(x)" + REST,
        b"x (y)" + REST,
        b")2486(" + REST,
        b"2486 (x)",
        b"2486 (x) S 1 2 3",
        b"2486 (x) S one" + REST[4:],
        b"2486 (x) \xff" + REST[2:],
    ],
)
def test_what_is_no_stat_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.parse_stat(raw)


def test_a_real_command_line() -> None:
    words = read.parse_cmdline((SAMPLES / "cmdline-shim").read_bytes())
    assert words[0] == "/usr/bin/containerd-shim-runc-v2"
    assert words[1:4] == ("-namespace", "moby", "-id")
    assert words[5:] == ("-address", "/tmp/sl-a8ea17d1/containerd/containerd.sock")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", ()),  # a kernel thread, or a zombie
        (b"dockerd\0", ("dockerd",)),
        (b"app\0\0-x\0", ("app", "", "-x")),  # an empty word
        (b"app\0\0", ("app", "")),
        (b"nginx: master process", ("nginx: master process",)),  # a rewritten title without its NUL
        (b"app\0cut of", ("app", "cut of")),
        (b"app\0a\nb\0", ("app", "a\nb")),
        (b"app\0\xff\xfe\0", ("app", "\\xff\\xfe")),
    ],
)
def test_words_of_a_command_line(raw: bytes, words: tuple[str, ...]) -> None:
    assert read.parse_cmdline(raw) == words


def test_cgroups_of_a_real_container_on_a_hybrid_host() -> None:
    paths = read.parse_cgroup((SAMPLES / "cgroup-hybrid").read_bytes())
    assert set(paths) == {
        "name=systemd",
        "pids",
        "blkio",
        "freezer",
        "devices",
        "memory",
        "cpuset",
        "cpuacct",
        "cpu",
        "",
    }
    (path,) = set(paths.values())
    assert path == "/docker/df3ac8229f4c79112d9215cb4657e7e8def1550a7190a094832595f12493d893"


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        (b"", {}),
        (b"0::/init.scope\n", {"": "/init.scope"}),
        (b"0::/a:b:c\n", {"": "/a:b:c"}),
        (b"4:cpu,cpuacct:/x\n1:name=systemd:/y\n", {"cpu,cpuacct": "/x", "name=systemd": "/y"}),
        (b"0::/system.slice/gone.service (deleted)\n", {"": "/system.slice/gone.service (deleted)"}),
        (b"0::/../../outside\n", {"": "/../../outside"}),
        (b"0::/a b\r/c\n", {"": "/a b\r/c"}),
        (b"0::/a\x0b\x0c\x85b\n", {"": "/a\x0b\x0c\\x85b"}),
    ],
)
def test_cgroup_paths(raw: bytes, paths: dict[str, str]) -> None:
    assert read.parse_cgroup(raw) == paths


@pytest.mark.parametrize("raw", [b"0:/\n", b"x\n", b"0::/a\n\n", b"\n"])
def test_what_is_no_cgroup_file_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.parse_cgroup(raw)


def test_a_real_table_of_sockets() -> None:
    rows = read.parse_net_unix((SAMPLES / "net-unix").read_bytes())
    paths = [found.path for found in rows]
    base = "/tmp/sl-a8ea17d1"
    assert paths.count(f"{base}/dockerd/docker.sock") == 1
    # Accepted connections repeat its path; one row listens.
    assert (SAMPLES / "net-unix").read_bytes().count(b"/containerd/containerd.sock\n") > 1
    assert paths.count(f"{base}/containerd/containerd.sock") == 1
    assert all(found.inode > 0 for found in rows)


def test_only_the_flag_tells_a_listener_from_an_accepted_socket() -> None:
    raw = HEAD + row(b" /run/a.sock", flags=b"00000000") + row(b" /run/a.sock")
    assert read.parse_net_unix(raw) == [UnixRow("/run/a.sock", 4711)]


def test_a_stale_socket_and_its_successor_have_one_path() -> None:
    raw = HEAD + row(b" /run/a.sock", inode=b"1") + row(b" /run/a.sock", inode=b"2")
    assert read.parse_net_unix(raw) == [UnixRow("/run/a.sock", 1), UnixRow("/run/a.sock", 2)]


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        (b" /run/with blank.sock", "/run/with blank.sock"),
        (b" /run/two  blanks ", "/run/two  blanks "),
        (b" /run/00010000 x", "/run/00010000 x"),
        (b" /run/\xff", "/run/\\xff"),
        (b" /run/\xc3\xbc", "/run/ü"),
    ],
)
def test_paths_of_sockets(rest: bytes, path: str) -> None:
    assert read.parse_net_unix(HEAD + row(rest)) == [UnixRow(path, 4711)]


@pytest.mark.parametrize(
    "line",
    [
        row(b" @abstract"),
        row(b" @/run/abstract.sock"),
        row(b" relative.sock"),
        row(b""),  # no path
        row(b" /run/seqpacket.sock", kind=b"0005"),
        row(b" /run/datagram.sock", kind=b"0002", flags=b"00000000"),
        row(b" /run/00010000 .sock", flags=b"00000000"),
    ],
)
def test_sockets_that_no_engine_listens_on(line: bytes) -> None:
    assert read.parse_net_unix(HEAD + line) == []


@pytest.mark.parametrize("tail", [b"x 00010000 y", b"x 00010000 a b c d e f g", b"\xff 00010000 ", b"", b"x"])
def test_a_path_with_a_newline_hides_no_other_socket(tail: bytes) -> None:
    """Whoever may bind a socket may have the kernel write such a line."""
    raw = HEAD + row(b" /tmp/evil\n" + tail) + row(b" /run/docker.sock", inode=b"12")
    assert UnixRow("/run/docker.sock", 12) in read.parse_net_unix(raw)


@pytest.mark.parametrize("raw", [b"", b"\n", b"Num RefCount\n", b"Inode " + HEAD])
def test_other_columns_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read.parse_net_unix(raw)


def test_a_namespace_link() -> None:
    assert read.parse_ns_link("mnt:[4026531841]") == 4026531841
    assert read.parse_ns_link("pid_for_children:[4026531836]") == 4026531836


@pytest.mark.parametrize("link", ["", "mnt:[]", "mnt:[x]", "mnt:[-1]", "55", "mnt:[1", "[1]", "mnt:[²]"])
def test_what_is_no_namespace_link_is_malformed(link: str) -> None:
    with pytest.raises(Malformed):
        read.parse_ns_link(link)


@pytest.mark.parametrize(
    ("link", "inode"),
    [
        ("socket:[98197]", 98197),
        ("socket:[]", None),
        ("socket:[²]", None),
        ("socket:[1] (deleted)", None),
        ("pipe:[98197]", None),
        ("/tmp/socket:[98197]", None),
        ("anon_inode:[eventpoll]", None),
        ("", None),
    ],
)
def test_a_descriptor_link(link: str, inode: int | None) -> None:
    assert read.socket_inode(link) == inode
