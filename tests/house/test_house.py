"""The layout and the documentation keep their own rules."""

import ast
import re
from pathlib import Path

import pytest

from docs.generate import REFERENCE
from stackscope.graph import Relation
from stackscope.graph.build import rules
from tests.house import docs_fresh

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "stackscope"
GENERATED = PACKAGE / "wire" / "containerd"

MAX_LINES = 420
LONGER: dict[str, str] = {}
"""Files that may be longer, each with its reason."""

NOT_MADE_YET: frozenset[Relation] = frozenset()
"""Relations that the model names and no rule makes."""

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if GENERATED not in path.parents)


def markdown() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources()}), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_folder_says_what_it_is_for(folder: Path) -> None:
    init = folder / "__init__.py"
    assert init.is_file(), f"{folder.relative_to(ROOT)} has no __init__.py"
    assert ast.get_docstring(ast.parse(init.read_text("utf-8"))), f"{init.relative_to(ROOT)} has no docstring"


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in sources()}

    assert {name: length for name, length in lengths.items() if length > MAX_LINES and name not in LONGER} == {}
    assert {name for name in LONGER if lengths.get(name, 0) <= MAX_LINES} == set(), "no longer too long: unlist them"


def test_every_relation_has_a_rule() -> None:
    made = {rule.relation for rule in rules()}

    assert set(Relation) - made == NOT_MADE_YET


def test_every_rule_is_named_for_its_file_and_explains_itself() -> None:
    ours = [rule for rule in rules() if rule.find.__module__.startswith("stackscope.")]

    assert {rule.id: rule.find.__module__.rpartition(".")[2] for rule in ours} == {rule.id: rule.id for rule in ours}
    assert [rule.id for rule in ours if not rule.find.__doc__] == []


@pytest.mark.parametrize("page", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.relative_to(ROOT)} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.relative_to(ROOT)} links to {target}"


def test_every_page_is_reached_from_the_map() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = _LINK.findall(_CODE.sub("", page.read_text("utf-8")))
        waiting += [(page.parent / t.partition("#")[0]).resolve() for t in targets if "://" not in t]

    assert {path for path in ROOT.glob("docs/**/*.md") if path not in reached} == set()


def test_the_reference_is_fresh() -> None:
    assert docs_fresh.stale() == []


def test_a_stale_page_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("kinds.md", "gaps.md"):
        text = (REFERENCE / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("# ", "# Old ", 1) if name == "kinds.md" else text, "utf-8")
    (tmp_path / "extra.md").write_text("", "utf-8")
    monkeypatch.setattr(docs_fresh, "REFERENCE", tmp_path)

    found = "\n".join(docs_fresh.stale())

    assert "docs/reference/kinds.md:3 is stale" in found
    assert "docs/reference/relations.md is missing" in found
    assert "docs/reference/extra.md is made by nothing" in found
    assert "gaps.md" not in found


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
