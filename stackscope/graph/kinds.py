"""The kinds of nodes: what each is, its local key and its attributes. The reference page is made from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ID = "The id, whole."
_NAMESPACE = "The containerd namespace."
_LABELS = "Labels, by name."
_CREATED = "When it was made, RFC 3339."
_CREATED_SECONDS = "When it was made: in seconds since 1970 from docker, RFC 3339 from containerd."


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of node. `key` is the local key, the last part of a node's id; `witness` who speaks of such nodes;
    `attrs` the attributes that such a node may have."""

    name: str
    about: str
    key: str
    witness: str
    attrs: Mapping[str, str]


_DOCKERD = "`dockerd:PATH`"
_CONTAINERD = "`containerd:PATH`"
_BOTH = f"{_DOCKERD}, {_CONTAINERD}"
_KERNEL = "`kernel`"

KINDS: tuple[Kind, ...] = (
    Kind(
        name="daemon",
        about="One engine process, with what its API says of itself. An API that answered without its process being "
        "seen is one too.",
        key="program; where no socket of it was found, `PROGRAM:DIGEST` with a digest of its command line",
        witness=f"{_BOTH}; `kernel` where no socket of it was found",
        attrs={
            "program": "`dockerd` or `containerd`, or the name of another engine's process.",
            "socket": "Path of its primary API socket.",
            "answered": "Whether its API answered.",
            "pid": "Process id, where the process was seen; with it come `starttime`, `argv`, `exe`, `uid` and "
            "`started_by`.",
            "starttime": "Clock ticks since boot.",
            "argv": "Command line, a word each, without secrets.",
            "exe": "Path of its executable.",
            "uid": "Real user id.",
            "started_by": "`supervised` (by a dockerd), `system` (its cgroup is a service's) or `manual`.",
            "version": "As its API says.",
            "api_version": "dockerd: the API version that was spoken.",
            "engine_id": "dockerd: the id that it gave itself.",
            "root": "Directory of its state, as it names it.",
            "image_store": "dockerd: `containerd` or `graphdriver`.",
            "driver": "dockerd: the storage driver or snapshotter.",
            "cgroup_driver": "dockerd: `cgroupfs`, `systemd` or `none`.",
            "cgroup_version": "dockerd: `1` or `2`.",
            "default_runtime": "dockerd: the runtime of containers that name none.",
            "live_restore": "dockerd: whether containers outlive it.",
            "rootless": "dockerd: whether it runs without root's rights.",
            "warnings": "dockerd: what it warns of.",
            "revision": "containerd: the commit that it was built from.",
            "uuid": 'containerd: its own id; "" where asking would have written one.',
            "content_policy": "containerd: `shared` or `isolated`, where it says.",
            "plugins": "containerd: how many plugins have each status.",
            "snapshotters": "containerd: the snapshotters that work.",
        },
    ),
    Kind(
        name="socket",
        about="A unix socket where an engine is, or was looked for.",
        key="path, symlinks followed",
        witness=_KERNEL,
        attrs={
            "path": "Path, symlinks followed.",
            "named": "The address as it was given.",
            "named_by": "Who gave it.",
            "state": "`listening`, `asleep` (only an init holds it), `dead` (nobody serves it), `absent`, "
            "`not-a-socket` or `unknown`.",
            "apis": "The APIs that answered there.",
            "expected": "The API that was looked for: `docker` or `containerd`.",
            "device": "Device number of the socket file; 0 where it could not be read.",
            "inode": "Inode of the socket file; 0 where it could not be read.",
            "mode": 'Permission bits, octal; "" where they could not be read.',
            "owner": '`UID:GID`; "" where it could not be read.',
            "group": "Name of its group.",
        },
    ),
    Kind(
        name="namespace",
        about="A containerd namespace (never the kernel's). A count that no listing gave is missing, not 0.",
        key="name",
        witness=_CONTAINERD,
        attrs={
            "labels": _LABELS,
            "containers": "Number of container records.",
            "tasks": "Number of tasks.",
            "images": "Number of image names.",
            "snapshots": "Number of snapshots, of all snapshotters.",
            "leases": "Number of leases.",
            "content_blobs": "Number of blobs that it can see.",
            "content_bytes": "Bytes of the blobs that it can see.",
        },
    ),
    Kind(
        name="container",
        about="A container as one witness has it. Docker's and containerd's record of one container are two nodes.",
        key="docker: the id; containerd: `NAMESPACE/ID`",
        witness=_BOTH,
        attrs={
            "id": _ID,
            "names": "docker: its names.",
            "status": 'docker: its state; containerd: its task\'s status, `no task`, or "" where the tasks could not '
            "be listed.",
            "image_ref": "The image as the record names it.",
            "image_id": "docker: the image's id.",
            "command": "docker: its command, as `docker ps` shows it.",
            "created": _CREATED_SECONDS,
            "labels": _LABELS,
            "networks": "docker: names of its networks.",
            "namespace": _NAMESPACE,
            "pid": "containerd: its first process; 0 where there is none or it is not known.",
            "runtime": "containerd: name of the runtime.",
            "snapshotter": 'containerd: where its root file system is kept; "" for docker\'s.',
            "snapshot_key": "containerd: the snapshot's key; \"\" for docker's.",
            "sandbox": "containerd: id of its sandbox.",
            "cgroups_path": "containerd: `cgroupsPath` of its spec.",
            "root_path": "containerd: `root.path` of its spec.",
            "args": "containerd: `process.args` of its spec, without secrets.",
        },
    ),
    Kind(
        name="task",
        about="What containerd runs for a container.",
        key="`NAMESPACE/ID`",
        witness=_CONTAINERD,
        attrs={
            "id": _ID,
            "namespace": _NAMESPACE,
            "status": "In lower case, as `ctr` prints it; `unknown` where the shim did not answer.",
            "pid": "First process, in containerd's pid namespace; 0 where the shim did not answer.",
        },
    ),
    Kind(
        name="sandbox",
        about="An entry of containerd's sandbox store (containerd 1.7 and later).",
        key="`NAMESPACE/ID`",
        witness=_CONTAINERD,
        attrs={
            "id": _ID,
            "namespace": _NAMESPACE,
            "runtime": "Name of the runtime.",
            "sandboxer": "The sandbox controller.",
            "created": _CREATED,
            "labels": _LABELS,
        },
    ),
    Kind(
        name="shim",
        about="A shim process, by what its command line says.",
        key="`PID@STARTTIME`",
        witness=_KERNEL,
        attrs={
            "id": "Id of the first container that it was started for.",
            "namespace": _NAMESPACE,
            "address": "Socket of its containerd, symlinks followed.",
            "pid": "Process id.",
            "starttime": "Clock ticks since boot.",
            "argv": "Command line, a word each, without secrets.",
            "bundle": "Its working directory, which is the bundle.",
            "state": "State of the process, a letter of proc(5).",
        },
    ),
    Kind(
        name="image",
        about="One name in one store; in docker a digest where an image has no name.",
        key="docker: `NAME:TAG`, else a digest; containerd: `NAMESPACE/NAME`",
        witness=_BOTH,
        attrs={
            "ref": 'The name as the store has it; "" where it has none.',
            "namespace": _NAMESPACE,
            "target_digest": 'Digest of what the name points to; "" where it is not known.',
            "config_digest": 'Digest of the config; "" where it is not known, or where there is one for each platform.',
            "platforms": "containerd: platforms whose manifest was read.",
            "media_type": "containerd: media type of the target.",
            "size": "Bytes: docker's own figure; in containerd config and layers of the manifests that were read, null "
            "where none was.",
            "created": _CREATED_SECONDS,
            "labels": _LABELS,
        },
    ),
    Kind(
        name="content",
        about="A blob that a manifest names, in one namespace.",
        key="`NAMESPACE/DIGEST`",
        witness=_CONTAINERD,
        attrs={
            "digest": "Digest.",
            "namespace": _NAMESPACE,
            "part": "`target`, `manifest`, `config` or `layer`.",
        },
    ),
    Kind(
        name="snapshot",
        about="A snapshot of one snapshotter, in one namespace.",
        key="`NAMESPACE/SNAPSHOTTER/KEY`",
        witness=_CONTAINERD,
        attrs={
            "key": "Key.",
            "namespace": _NAMESPACE,
            "snapshotter": "Name of the snapshotter.",
            "kind": "`active`, `view` or `committed`.",
            "parent": 'Key of its parent; "" for a base layer.',
            "created": _CREATED,
            "labels": _LABELS,
        },
    ),
    Kind(
        name="lease",
        about="A lease: what it lists is not collected.",
        key="`NAMESPACE/ID`",
        witness=_CONTAINERD,
        attrs={"key": "Id.", "namespace": _NAMESPACE, "created": _CREATED, "labels": _LABELS},
    ),
    Kind(
        name="volume",
        about="A volume of docker's.",
        key="name",
        witness=_DOCKERD,
        attrs={
            "key": "Name.",
            "driver": "Volume driver.",
            "mountpoint": "Where it lies on the host.",
            "labels": _LABELS,
        },
    ),
    Kind(
        name="network",
        about="A network of docker's.",
        key="the id",
        witness=_DOCKERD,
        attrs={"key": _ID, "driver": "Network driver.", "scope": "`local`, `swarm` or `global`."},
    ),
    Kind(
        name="process",
        about="A process that plays a part here. Daemons and shims are nodes of their own kinds.",
        key="`PID@STARTTIME`",
        witness=_KERNEL,
        attrs={
            "pid": "Process id.",
            "starttime": "Clock ticks since boot.",
            "comm": "Name of the process, as in `/proc/PID/comm`.",
            "argv": "Command line, a word each, without secrets.",
            "uid": "Real user id; -1 where it could not be read.",
            "role": "`container` (the first below a shim), `process` (further below), `monitor`, `engine` or `holder` "
            "(of a listening socket).",
        },
    ),
    Kind(
        name="kernel_namespace",
        about="A namespace of the kernel.",
        key="`TYPE:[INODE]`",
        witness=_KERNEL,
        attrs={"type": "`cgroup`, `ipc`, `mnt`, `net`, `pid`, `time`, `user` or `uts`.", "inode": "Inode."},
    ),
    Kind(
        name="cgroup",
        about="A cgroup, one for each path.",
        key="path",
        witness=_KERNEL,
        attrs={
            "path": "Path below the hierarchy's root.",
            "hierarchies": 'Controller lists of the hierarchies in which a process was seen in it; "" is version 2.',
        },
    ),
    Kind(
        name="storage",
        about="A directory that holds state.",
        key="path",
        witness=f"{_BOTH}, `disk`",
        attrs={"path": "Path.", "purpose": "`data root` (dockerd), `root` (containerd) or `bundle`."},
    ),
    Kind(
        name="client",
        about="Where a client looks, as it is configured for the user who took the capture.",
        key="`uid UID`",
        witness="`client:NAME`",
        attrs={
            "command": "`docker`, `nerdctl` or `ctr`.",
            "uid": "User id.",
            "address": "The address as it was given.",
            "path": 'The unix socket behind it, symlinks followed; "" for any other address.',
            "namespace": 'The containerd namespace; "" for docker.',
            "resolved_from": "Who decided on `address` and on `namespace`.",
            "unsure": "A configuration that could not be read and might decide otherwise.",
        },
    ),
)
