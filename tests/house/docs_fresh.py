"""Whether `docs/reference/` and README say what the code does: `python -m tests.house.docs_fresh`."""

import sys

from docs.generate import README, REFERENCE, pages, readme


def stale() -> list[str]:
    """What is wrong with each page that is not what the generator would write."""
    wanted = pages()
    there = {str(path.relative_to(REFERENCE)) for path in REFERENCE.rglob("*") if path.is_file()}
    found = [f"docs/reference/{name} is missing" for name in sorted(wanted.keys() - there)]
    found += [f"docs/reference/{name} is made by nothing: remove it" for name in sorted(there - wanted.keys())]
    for name in sorted(there & wanted.keys()):
        written = (REFERENCE / name).read_text("utf-8").splitlines()
        for number, (line, now) in enumerate(zip(written, wanted[name].splitlines(), strict=False), 1):
            if line != now:
                found.append(f"docs/reference/{name}:{number} is stale. The code now says: {now[:100]}")
                break
        else:
            if len(written) != len(wanted[name].splitlines()):
                found.append(f"docs/reference/{name} is stale: it has another length")
    if README.read_text("utf-8") != readme():
        found.append("README.md: a screen in it is not what the program prints")
    return found


if __name__ == "__main__":
    problems = stale()
    if problems:
        print(*problems, "Run `make docs`, and look at what changed.", sep="\n", file=sys.stderr)
    sys.exit(bool(problems))
