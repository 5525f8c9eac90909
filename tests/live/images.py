"""Images without a registry: root file systems and OCI archives with a static busybox."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

APPLETS = (
    "cat",
    "echo",
    "httpd",
    "id",
    "ls",
    "mkdir",
    "ps",
    "sh",
    "sleep",
    "touch",
    "true",
    "wget",
)
FOREVER = ("/bin/sleep", "1000000")
GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le"}


def rootfs(busybox: Path, marker: str) -> bytes:
    """An uncompressed tar of a root file system: busybox, its links, and `/etc/marker`.

    The same `marker` gives the same bytes, another one gives an image with another digest.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "data", "dev", "etc", "proc", "sys", "tmp"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)
        _add(tar, "etc/marker", f"{marker}\n".encode(), 0o644)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


def oci_archive(busybox: Path, name: str, marker: str) -> bytes:
    """A tar in OCI layout with one image that sleeps, for `ctr images import` without a dockerd.

    `name` is the whole reference, as in `docker.io/acme/pause:1`.
    """
    layer = rootfs(busybox, marker)
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    target = {"architecture": GOARCH.get(platform.machine(), platform.machine()), "os": "linux"}
    config = _json(
        {
            **target,
            "config": {"Cmd": list(FOREVER), "Env": ["PATH=/bin"], "StopSignal": "SIGKILL"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    media = "application/vnd.oci.image"
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{media}.manifest.v1+json",
            "config": _descriptor(f"{media}.config.v1+json", config),
            "layers": [_descriptor(f"{media}.layer.v1.tar+gzip", packed)],
        }
    )
    entry = {
        **_descriptor(f"{media}.manifest.v1+json", manifest),
        "platform": target,
        "annotations": {"io.containerd.image.name": name},
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}), 0o644)
        for blob in (packed, config, manifest):
            _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob, 0o644)
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [entry]}), 0o644)
    return out.getvalue()


def is_static(program: Path) -> bool:
    """Whether an ELF program names no dynamic loader, so that it runs in an empty root."""
    head = program.read_bytes()[:4096]
    return head.startswith(b"\x7fELF") and b"/ld-" not in head


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
