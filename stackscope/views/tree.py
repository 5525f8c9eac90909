"""The terminal tree: engines, what they hold, who owns it; clients and where they look; gaps and what lifts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text
from rich.tree import Tree

from stackscope.facts import Gap, Listing, Why
from stackscope.graph import Link, Node, Relation, Topology
from stackscope.views.summary import ContainerLine, container_lines, engines, host_words
from stackscope.views.words import cut, many, short, size, spans

_NAME = "bold"
_ID = "dim"
_TROUBLE = "bold red"
_GAP = "yellow"
_STATUS = {"running": "green", "paused": "yellow"}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How much to show. `fold` is how many like things are shown before the rest are counted (None: all)."""

    fold: int | None = 5
    evidence: bool = False


def tree(topology: Topology, style: Style) -> Tree:
    """The host's tree, for rich to print."""
    return _TreeOf(topology, style).build()


class _TreeOf:
    def __init__(self, topology: Topology, style: Style) -> None:
        self._topology = topology
        self._style = style
        self._lines = container_lines(topology)

    def build(self) -> Tree:
        root = Tree(spans((" · ".join(host_words(self._topology, len(self._lines))), _NAME)), guide_style="dim")
        found = engines(self._topology)
        for daemon in found:
            self._daemon(root, daemon)
        if not found:
            root.add(spans("no engine was found here"))
        self._lone_shims(root)
        self._clients(root)
        self._gaps(root)
        return root

    def _lone_shims(self, root: Tree) -> None:
        """Shims that lead to no container: their containerd did not tell of one."""
        lone = [shim for shim in self._topology.of_kind("shim") if not self._topology.out(shim.id, Relation.SHIM_OF)]
        if lone:
            branch = root.add(spans((many(len(lone), "shim"), _NAME), " whose container no engine here told of"))
            self._folded(branch, [_shim(shim) for shim in lone], "shims")

    # daemons

    def _daemon(self, root: Tree, daemon: Node) -> None:
        attrs = daemon.attrs
        head: list[str | tuple[str, str]] = [
            (daemon.name, _NAME),
            f" {attrs['version']}" if attrs.get("version") else "",
        ]
        if attrs["socket"]:
            head.append(f"  {attrs['socket']}")
        if attrs.get("pid"):
            head.append(f"  pid {attrs['pid']}")
        branch = root.add(spans(*head))
        self._proof(branch, self._topology.out(daemon.id, Relation.LISTENS_ON))
        self._about(branch, daemon)
        match attrs["program"]:
            case "containerd":
                self._containerd(branch, daemon)
            case "dockerd":
                self._dockerd(branch, daemon)
            case _:
                branch.add(spans((f"stackscope does not ask {attrs['program']} yet", _ID)))

    def _about(self, branch: Tree, daemon: Node) -> None:
        words = []
        if daemon.attrs.get("root"):
            words.append(f"root {daemon.attrs['root']}")
        supervisors = self._topology.into(daemon.id, Relation.SUPERVISES)
        if supervisors:
            words.append(f"started by {self._said(supervisors[0].source)}")
        for used in self._topology.out(daemon.id, Relation.USES):
            names = [
                self._topology.nodes[owned.target].name
                for owned in self._topology.out(daemon.id, Relation.OWNS)
                if self._topology.nodes[owned.target].witness == self._topology.nodes[used.target].witness
            ]
            name = f' as "{names[0]}"' if names else ""
            words.append(f"uses {self._said(used.target)}{name}")
        if not daemon.attrs["answered"]:
            branch.add(spans((self._unanswered(daemon), _GAP)))
        if words:
            branch.add(spans(" · ".join(words)))
        self._proof(branch, self._topology.out(daemon.id, Relation.USES))

    def _unanswered(self, daemon: Node) -> str:
        if not daemon.attrs["socket"]:
            return "which socket is its own could not be seen"
        why = [gap for gap in self._topology.gaps if gap.subject == daemon.witness]
        return f"did not answer: {why[0].detail}" if why else "was not asked"

    def _containerd(self, branch: Tree, daemon: Node) -> None:
        for link in self._topology.out(daemon.id, Relation.HAS_NAMESPACE):
            self._namespace(branch, daemon, self._topology.nodes[link.target])

    def _namespace(self, branch: Tree, daemon: Node, node: Node) -> None:
        attrs = node.attrs
        owners = self._topology.into(node.id, Relation.OWNS)
        if not owners:
            owner = "no daemon owns it (ctr, nerdctl)"
        elif owners[0].source == daemon.id:
            owner = "the CRI plugin's"
        else:
            owner = f"owned by {' and '.join(self._said(link.source) for link in owners)}"
        words = [owner]
        lines = [
            line
            for line in self._lines
            if line.record and line.record.witness == node.witness and line.namespace == node.name
        ]
        counts = [
            many(attrs[what], one)
            for what, one in (("containers", "container"), ("images", "image"))
            if attrs.get(what)
        ]
        if counts:
            words.append(", ".join(counts))
        else:
            unknown = [what for what in ("containers", "images") if what not in attrs]
            words += [f"{' and '.join(unknown)} not known"] if unknown else []
        if attrs.get("containers") == 0 and attrs.get("images") == 0:
            words.append("empty")
        if self._keeps_its_own_images(owners, attrs):
            words.append("no images: dockerd keeps its own")
        if attrs["labels"]:
            words.append(f"labels {', '.join(f'{key}={value}' for key, value in sorted(attrs['labels'].items()))}")
        pattern = _common_cgroup(lines)
        if pattern:
            words.append(f"cgroups {pattern}")
        twig = branch.add(spans("namespace ", (node.name, _NAME), " · " + " · ".join(words)))
        self._proof(twig, owners)
        self._folded(twig, [self._container(line, with_cgroup=not pattern) for line in lines], "containers")
        images = [
            self._topology.nodes[link.target]
            for link in self._topology.out(node.id, Relation.HOLDS)
            if self._topology.nodes[link.target].kind == "image"
        ]
        self._folded(twig, [self._image(image) for image in _without_ids(images)], "images")

    def _keeps_its_own_images(self, owners: Sequence[Link], attrs: dict[str, object]) -> bool:
        return attrs.get("images") == 0 and any(
            self._topology.nodes[link.source].attrs.get("image_store") == "graphdriver" for link in owners
        )

    def _dockerd(self, branch: Tree, daemon: Node) -> None:
        attrs = daemon.attrs
        names = [
            self._topology.nodes[link.target]
            for link in self._topology.out(daemon.id, Relation.HOLDS)
            if self._topology.nodes[link.target].kind == "image"
        ]
        if attrs.get("image_store") == "graphdriver":
            where = f"graphdriver {attrs['driver']}, {attrs['root']} · only docker clients see these"
        elif attrs.get("image_store") == "containerd":
            where = f"containerd image store, snapshotter {attrs['driver']}"
        else:
            where = "in which store is not known"
        if attrs["answered"]:
            count = many(attrs["images"], "image") if "images" in attrs else "images not known"
            twig = branch.add(spans(f"{count} · {where}"))
            self._folded(twig, [self._image(image) for image in names], "images")
        mine = [line for line in self._lines if line.docker and line.docker.witness == daemon.witness]
        with_record = sum(line.record is not None for line in mine)
        if with_record:
            branch.add(
                spans(f"{many(with_record, 'container')} with a record in containerd, under its namespace above")
            )
        alone = [line for line in mine if line.record is None]
        for words, group in (
            ("that docker calls running, without a record in a containerd that answered", _running(alone, yes=True)),
            ("that only docker knows: not running", _running(alone, yes=False)),
        ):
            if group:
                twig = branch.add(spans(f"{many(len(group), 'container')} {words}"))
                self._folded(twig, [self._container(line, with_cgroup=False) for line in group], "containers")

    # things

    def _container(self, line: ContainerLine, *, with_cgroup: bool) -> Text:
        parts: list[str | tuple[str, str]] = [(cut(short(line.name), 40), _NAME)]
        if short(line.id) != short(line.name):
            parts.append((f" {short(line.id)}", _ID))
        parts.append((f" {line.status or 'status not known'}", _STATUS.get(line.status, "")))
        if line.trouble:
            parts.append((f" · {line.trouble}", _TROUBLE))
        if line.pid:
            shim = f"shim {line.shim.attrs['pid']} → " if line.shim and "shim" not in line.trouble else ""
            parts.append(f" · {shim}pid {line.pid} {cut(' '.join(line.argv), 30)}".rstrip())
        elif line.record is None or not line.status:
            parts.append(f" · {cut(short(line.image), 40)}")
            if line.shim is not None:
                parts.append(f" · shim {line.shim.attrs['pid']}")
        if with_cgroup and line.cgroup:
            parts.append(f" · cgroup {short(line.cgroup)}")
        return spans(*parts)

    def _image(self, node: Node) -> Text:
        ref = node.attrs["ref"]
        name = short(ref) if ref else f"{short(node.name)} (no name)"
        # A containerd image has its size in its manifests, which the tree does not ask for.
        known = "" if "namespace" in node.attrs else size(node.attrs["size"])
        return spans("image ", (name, _NAME), f" · {known}" if known else "")

    def _folded(self, branch: Tree, lines: Iterable[Text], what: str) -> None:
        shown = list(lines)
        fold = self._style.fold
        # One line that says "1 more" would be no shorter than the thing itself.
        if fold is None or len(shown) <= fold + 1:
            fold = len(shown)
        for line in shown[:fold]:
            branch.add(line)
        if len(shown) > fold:
            branch.add(spans((f"… {len(shown) - fold} more {what} like these; --all shows them", _ID)))

    # clients, gaps, proof

    def _clients(self, root: Tree) -> None:
        clients = self._topology.of_kind("client")
        if not clients:
            return
        branch = root.add(spans(("clients", _NAME), f" as configured for user id {self._topology.host.uid}"))
        for client in clients:
            branch.add(self._client(client))
            self._proof(branch, self._topology.out(client.id, Relation.SEES))

    def _client(self, client: Node) -> Text:
        attrs = client.attrs
        sources = [source for source in attrs["resolved_from"].values() if source]
        default = f"{client.name}'s default"
        by = "" if set(sources) <= {default} else f" (by {', '.join(s for s in sources if s != default)})"
        namespace = f', namespace "{attrs["namespace"]}"' if attrs["namespace"] else ""
        links = self._topology.out(client.id, Relation.SEES)
        if links:
            target = self._topology.nodes[links[0].target]
            where = self._said(target.id) if target.kind == "daemon" else self._said_by_witness(target.witness)
            return spans((client.name, _NAME), f" → {where}{namespace}{by}")
        if attrs["unsure"]:
            return spans((client.name, _NAME), " → not known: ", (f"{attrs['unsure']} could not be read", _GAP))
        shown = attrs["address"].removeprefix("unix://")
        return spans((client.name, _NAME), f" → {shown}{namespace}{by} · ", (self._state(client), _GAP))

    def _state(self, client: Node) -> str:
        """Why a client's viewpoint leads to nothing that was seen."""
        path, namespace = client.attrs["path"], client.attrs["namespace"]
        if not path:
            return "no unix socket of this host: not asked"
        words = {
            "absent": "no such socket",
            "dead": "a socket that nobody serves",
            "asleep": "asleep: not woken",
            "not-a-socket": "not a socket",
            "unknown": "could not be asked",
            "listening": "did not answer",
        }
        witness = f"{'dockerd' if client.name == 'docker' else 'containerd'}:{path}"
        for daemon in self._topology.of_kind("daemon"):
            if daemon.witness == witness and daemon.attrs["answered"]:
                return f"there is no namespace {namespace} yet" if self._lists_namespaces(witness) else "not known"
        for socket in self._topology.of_kind("socket"):
            if socket.attrs["path"] == path:
                return words[socket.attrs["state"]]
        return "was not looked at"

    def _lists_namespaces(self, witness: str) -> bool:
        return any(
            isinstance(fact, Listing) and fact.what == "namespaces" and fact.origin.witness == witness
            for fact in self._topology.capture.facts
        )

    def _gaps(self, root: Tree) -> None:
        quiet = [gap for gap in self._topology.gaps if gap.why is Why.UNSUPPORTED]
        loud = [gap for gap in self._topology.gaps if gap.why is not Why.UNSUPPORTED]
        if self._style.fold is None:
            loud, quiet = loud + quiet, []
        if loud:
            branch = root.add(spans((f"{many(len(loud), 'gap')}: what could not be looked at", _GAP)))
            kinds = Counter((gap.subject.partition("|")[0], gap.why) for gap in loud)
            shown: Counter[tuple[str, Why]] = Counter()
            for gap in loud:
                kind = (gap.subject.partition("|")[0], gap.why)
                shown[kind] += 1
                if self._style.fold is None or shown[kind] <= self._style.fold:
                    branch.add(_gap(gap))
                elif shown[kind] == self._style.fold + 1:
                    more = kinds[kind] - self._style.fold
                    branch.add(spans((f"… {more} more like these; --all shows them", _ID)))
        if quiet:
            root.add(spans((f"{many(len(quiet), 'thing')} that this release cannot tell; --all names them", _ID)))

    def _proof(self, branch: Tree, links: Iterable[Link]) -> None:
        if not self._style.evidence:
            return
        for link in links:
            twig = branch.add(spans((f"{link.relation}: {short(link.because)}", "italic")))
            for proof in link.evidence:
                if proof.command:
                    twig.add(spans(("$ " + proof.command, _ID)))

    def _said(self, node_id: str) -> str:
        """A daemon in a few words: `dockerd (pid 4802)`; with its socket where the pid is not known."""
        node = self._topology.nodes[node_id]
        pid = node.attrs.get("pid")
        return f"{node.name} (pid {pid})" if pid else f"{node.name} at {node.attrs['socket']}"

    def _said_by_witness(self, witness: str) -> str:
        for node in self._topology.of_kind("daemon"):
            if node.witness == witness:
                return self._said(node.id)
        return witness


def _running(lines: Iterable[ContainerLine], *, yes: bool) -> list[ContainerLine]:
    return [line for line in lines if (line.status in ("running", "paused", "restarting")) == yes]


def _without_ids(images: Sequence[Node]) -> list[Node]:
    """Without the names that are only the digest of an image that has another name: CRI gives each image one."""
    named = {image.attrs["target_digest"] for image in images if not image.name.startswith("sha256:")}
    return [i for i in images if not i.name.startswith("sha256:") or i.attrs["target_digest"] not in named]


def _common_cgroup(lines: Sequence[ContainerLine]) -> str:
    """The pattern that all these cgroups follow, with ID for the container's id; "" where they differ."""
    patterns = {line.cgroup.replace(line.id, "ID") for line in lines if line.cgroup}
    return patterns.pop() if len(patterns) == 1 and len(lines) > 1 else ""


def _shim(shim: Node) -> Text:
    attrs = shim.attrs
    words = (
        f"shim {attrs['pid']} · namespace {attrs['namespace']}, container {short(attrs['id'])} · of {attrs['address']}"
    )
    return spans(words if attrs["id"] else f"shim {attrs['pid']} · its command line could not be read")


def _gap(gap: Gap) -> Text:
    subject = gap.subject.split("|")[-1] if "|" in gap.subject else gap.subject
    parts: list[str | tuple[str, str]] = [f"{short(subject)}: ", (f"{gap.why} ", _GAP), short(gap.detail)]
    if gap.lifts:
        parts.append((f" → {gap.lifts}", _NAME))
    return spans(*parts)
