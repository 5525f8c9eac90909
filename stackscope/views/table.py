"""Tables of containers and of image names, one row each, for every engine and containerd namespace."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from stackscope.facts.text import command, visible
from stackscope.graph import Node, Relation, Topology
from stackscope.views.summary import container_lines
from stackscope.views.words import cut, digest, short, size, together

Row = dict[str, object]


def container_rows(topology: Topology) -> list[Row]:
    """Every container once: whole ids, `engine` the witness that names it, `namespace` containerd's."""
    rows: list[Row] = []
    for line in container_lines(topology):
        node = line.docker or line.record
        assert node is not None
        rows.append(
            {
                "name": line.name,
                "id": line.id,
                "status": line.status,
                "image": line.image,
                "engine": node.witness,
                "namespace": line.namespace,
                "pid": line.pid or None,
                "cgroup": line.cgroup,
                "trouble": line.trouble,
            }
        )
    return rows


def image_rows(topology: Topology) -> list[Row]:
    """Every image name of every store. `seen_by` are the clients that see it there, as a person would call them."""
    rows: list[Row] = []
    for node in topology.of_kind("image"):
        attrs = node.attrs
        holder = _holder(topology, node)
        rows.append(
            {
                "ref": attrs["ref"] or node.name,
                "named": bool(attrs["ref"]),
                "engine": node.witness,
                "namespace": attrs.get("namespace", ""),
                "store": _store(holder, attrs),
                "target_digest": attrs["target_digest"],
                "config_digest": attrs["config_digest"],
                "size": attrs["size"],
                "seen_by": _seen_by(topology, node),
            }
        )
    return sorted(rows, key=lambda row: (str(row["ref"]), str(row["engine"]), str(row["namespace"])))


def _holder(topology: Topology, node: Node) -> Node | None:
    links = topology.into(node.id, Relation.HOLDS)
    return topology.nodes[links[0].source] if links else None


def _store(holder: Node | None, attrs: dict[str, object]) -> str:
    if "namespace" in attrs:
        return f"containerd, {attrs['namespace']}"
    if holder is None:
        return "docker"
    if holder.attrs.get("image_store") == "containerd":
        return "docker (containerd store)"
    return f"docker, {holder.attrs.get('driver', '')}"


def _seen_by(topology: Topology, image: Node) -> list[str]:
    """The clients that see it, each with the options that it needs to look there."""
    path = image.witness.partition(":")[2]
    namespace = image.attrs.get("namespace")
    lines = []
    for client in topology.of_kind("client"):
        if (client.name == "docker") != (namespace is None):
            continue
        words = [client.name]
        if client.attrs["path"] != path:
            words += ["-H", f"unix://{path}"] if namespace is None else ["-a", path]
        if namespace is not None and client.attrs["namespace"] != namespace:
            words += ["-n", namespace]
        lines.append(command(*words))
    return lines


def containers(topology: Topology) -> Table:
    """`stackscope ps`."""
    table = _table("NAME", "ID", "STATUS", "IMAGE", "ENGINE", "PID")
    several = len({node.witness for node in topology.of_kind("daemon")}) > 2
    for row in container_rows(topology):
        engine = _engine(str(row["engine"]), str(row["namespace"]), several=several)
        identity = "" if row["name"] == row["id"] else short(str(row["id"]))
        status = str(row["status"] or "?") + (" !" if row["trouble"] else "")
        _add(
            table,
            (
                cut(short(str(row["name"])), 32),
                identity,
                status,
                short(str(row["image"])),
                engine,
                str(row["pid"] or ""),
            ),
        )
    return table


def images(topology: Topology) -> Table:
    """`stackscope images`."""
    table = _table("NAME", "STORE", "ID", "SIZE", "SEEN BY")
    # A name that is cut is no use, and here it is what the person looks for.
    table.columns[0].overflow = table.columns[-1].overflow = "fold"
    for row in image_rows(topology):
        name = short(str(row["ref"])) if row["named"] else "(no name)"
        known = row["size"]
        identity = digest(str(row["config_digest"] or row["target_digest"]))
        seen = row["seen_by"]
        assert isinstance(seen, list)
        bytes_ = size(known if isinstance(known, int) else None)
        _add(table, (name, str(row["store"]), identity, bytes_, together(seen)))
    return table


def _engine(witness: str, namespace: str, *, several: bool) -> str:
    program, _, path = witness.partition(":")
    name = "docker" if program == "dockerd" else f"{program}, {namespace}"
    return f"{name} {path}" if several else name


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="ellipsis", no_wrap=column in ("ID", "STATUS", "PID", "SIZE"))
    return table


def _add(table: Table, cells: Iterable[str]) -> None:
    table.add_row(*(Text(visible(cell)) for cell in cells))
