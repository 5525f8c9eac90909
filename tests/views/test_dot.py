"""The Graphviz picture: what is drawn, what is folded, and that no name of a host can be more than text."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stackscope.capture.files import load
from stackscope.facts.text import visible
from stackscope.graph import Relation
from stackscope.graph.build import build
from stackscope.graph.kinds import KINDS
from stackscope.views.dot import DEFAULT_KINDS, dot
from stackscope.views.dot_text import lines, text
from tests.views import made_up

EVERY_KIND = frozenset(kind.name for kind in KINDS)
SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    'say "hi"',
    '"]; evil [label="',
    "ends\\",
    'ends\\"',
    "\\N \\G \\l",
    "two\nlines",
    "<script>alert(1)</script>",
    "<b>html</b>",
    "<<table></table>>",
    "a->b",
    "a -- b; }",
    "/* c */ // d # e",
    "\x1b[31mred\x07",
    "\u202eright to left",
    "&#8238;&#27;&amp;&quot;",
    "a\0b",
    "\x85\x9b",
    "\udcff",
    "\ufffe\uffff",
    "ünïcödé 漢字 🐳",
    "n" * 500,
    " ",
    "graph",
]

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")


def rendered(source: str, form: str = "svg") -> bytes:
    done = subprocess.run(["dot", f"-T{form}"], input=source.encode(), capture_output=True, check=False, timeout=50)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout


def texts(svg: bytes) -> list[str]:
    """What a reader of the picture reads, a line each."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  our own


def count(svg: bytes, kind: str) -> int:
    """Elements of a class: `node`, `edge` or `cluster`."""
    return sum(e.get("class") == kind for e in ElementTree.fromstring(svg).iter(f"{SVG}g"))  # noqa: S314  our own


@needs_graphviz
def test_the_picture_says_who_is_there_and_how_they_are_joined() -> None:
    read = texts(rendered(dot(made_up.topology("web"))))

    for words in ("dockerd 20.10", "containerd 1.6", "namespace moby", "web", "shim 1000", "volume web", "nerdctl"):
        assert words in read
    for words in ("uses", "owns", "sees", "listens on", "same container", "made from", "shim of", "mounts", "joined"):
        assert words in read
    assert "vm · Linux 6.1 · x86_64 · cgroup hybrid" in read
    # A gap is never left out: what is not drawn might only not have been seen.
    assert "kernel: denied: the open files of web" in read


def test_ids_are_short_and_kernel_level_things_are_left_out() -> None:
    source = dot(made_up.topology())

    assert made_up.container_id(0)[:12] in source
    labels = "".join(re.findall(r'label="((?:[^"\\]|\\.)*)"', source))
    assert made_up.container_id(0) not in labels
    assert not re.search(r"^(kernel_namespace|cgroup|content|snapshot|process)_", source, re.M)


def test_kinds_are_chosen() -> None:
    source = dot(made_up.topology(), kinds={"container", "image"})

    assert set(re.findall(r"^([a-z_]+)_[0-9a-f]{12} \[", source, re.M)) == {"container", "image"}


@needs_graphviz
def test_what_repeats_is_folded_on_both_sides_alike() -> None:
    crowd = made_up.topology("web", count=30)
    svg = rendered(dot(crowd, fold=5))
    read = texts(svg)

    assert read.count("… 25 more containers") == 2
    assert "… 25 more shims" in read
    assert "same container \u00d7 25" in read
    assert "shim of \u00d7 25" in read
    shown = {number for number in range(30) if f"shim {1000 + 10 * number}" in read}
    assert len(shown) == 5
    assert all(read.count(made_up.container_id(number)[:12]) == 1 for number in shown)
    assert count(rendered(dot(crowd, fold=None)), "node") == count(svg, "node") + 3 * 24


def test_one_more_is_not_folded() -> None:
    assert "more" not in dot(made_up.topology(count=6), fold=5)
    assert "more" in dot(made_up.topology(count=7), fold=5)


def test_the_same_capture_gives_the_same_picture_whatever_the_order_of_its_facts() -> None:
    assert dot(made_up.topology(count=20)) == dot(made_up.topology(count=20))


def test_frames_are_not_drawn_again_as_lines() -> None:
    source = dot(made_up.topology())

    seen = [line for line in source.splitlines() if " -> " in line and "invis" not in line]
    assert not any("has namespace" in line or "holds" in line or "reports to" in line for line in seen)


@needs_graphviz
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name: str) -> None:
    plain = rendered(dot(made_up.topology("plain"), kinds=EVERY_KIND))
    svg = rendered(dot(made_up.topology(name, hostname=name), kinds=EVERY_KIND))

    assert [count(svg, kind) for kind in ("node", "edge", "cluster")] == [
        count(plain, kind) for kind in ("node", "edge", "cluster")
    ]
    read = texts(svg)
    assert visible(name)[:30].strip() in " ".join(" ".join(read).split()).replace("\xa0", " ") or not name.strip()
    assert all(visible(line) == line for line in read)
    tags = {element.tag for element in ElementTree.fromstring(svg).iter()}  # noqa: S314  our own
    assert tags <= {
        f"{SVG}{tag}" for tag in ("svg", "g", "a", "title", "text", "path", "polygon", "polyline", "ellipse")
    }


@needs_graphviz
@pytest.mark.parametrize("words", HOSTILE)
def test_escaped_text_is_read_back_as_it_was(words: str) -> None:
    svg = rendered(f'digraph {{ x [label="{text(words)}"] }}')

    # An SVG keeps runs of blanks with no-break spaces.
    assert "".join(texts(svg)).replace("\xa0", " ").strip() == visible(words).strip()


@needs_graphviz
@pytest.mark.parametrize("kinds", [EVERY_KIND, DEFAULT_KINDS, EVERY_KIND - {"daemon"}, {"shim", "process"}, set()])
@pytest.mark.parametrize("fold", [None, 0, 1, 3])
def test_graphviz_draws_every_choice_of_kinds_and_folding(kinds: Iterable[str], fold: int | None) -> None:
    assert rendered(dot(made_up.topology(count=6), kinds=frozenset(kinds), fold=fold)).rstrip().endswith(b"</svg>")


@needs_graphviz
@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "hosts").glob("*.json")), ids=lambda path: path.stem
)
def test_recorded_hosts_are_drawn(path: Path) -> None:
    drawn = build(load(str(path))).topology

    for kinds in (DEFAULT_KINDS, EVERY_KIND):
        read = texts(rendered(dot(drawn, kinds=kinds)))
        assert all(gap.why in " ".join(read) for gap in drawn.gaps[:5])


@needs_graphviz
def test_it_is_drawn_as_a_bitmap_too() -> None:
    assert rendered(dot(made_up.topology()), "png").startswith(b"\x89PNG")


def test_every_relation_can_be_drawn() -> None:
    source = dot(made_up.topology(), kinds=EVERY_KIND)

    drawn = {relation for relation in Relation if f'label="{relation.replace("_", " ")}' in source}
    in_frames = {Relation.HAS_NAMESPACE, Relation.HOLDS, Relation.REPORTS_TO}
    others = {link.relation for link in made_up.topology().all_links} - in_frames
    assert others - drawn - {Relation.CONNECTED_TO} == set()


def test_rows_of_a_label_are_joined_and_empty_ones_left_out() -> None:
    assert lines("a", "", "b\\") == r"a\nb\\"
    assert lines("a", "b", left=True) == r"a\lb\l"
