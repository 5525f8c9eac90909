"""References as docker and nerdctl read them. Expected values: distribution/reference normalize_test.go's cases."""

import pytest

from stackscope.errors import InvalidReference
from stackscope.questions.reference import familiar, parse

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("acme/web", "docker.io/acme/web:latest"),
        ("docker.io/library/nginx:latest", "docker.io/library/nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("localhost/x", "localhost/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        ("registry.example/a/b/c", "registry.example/a/b/c:latest"),
        ("registry:5000/x", "registry:5000/x:latest"),
        ("nginx@" + DIGEST, "docker.io/library/nginx@" + DIGEST),
        ("a__b/c--d", "docker.io/a__b/c--d:latest"),
    ],
)
def test_canonical(typed: str, canonical: str) -> None:
    assert parse(typed).canonical == canonical
    assert parse(canonical).canonical == canonical


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is needed"),
        ("Nginx", "lower case"),
        ("acme/Web:1", "lower case"),
        ("a b", "blank"),
        ("a\nb", "control character"),
        ("nginx:", "no tag"),
        ("nginx:-x", "no tag"),
        ("nginx@sha256:12", "no digest"),
        ("/nginx", "no r"),
        ("acme//web", "no repository"),
        ("-x/y", "no repository"),
        ("x" * 5000, "too long"),
    ],
)
def test_invalid(typed: str, says: str) -> None:
    with pytest.raises(InvalidReference, match=says):
        parse(typed)


def test_digests_and_ids() -> None:
    assert parse(DIGEST).digest == DIGEST
    assert parse(DIGEST).canonical == ""
    assert parse(DIGEST.partition(":")[2]).digest == DIGEST
    # A short one may be a name as well as the beginning of an id.
    short = parse("0a0a0a")
    assert (short.canonical, short.id_prefix) == ("docker.io/library/0a0a0a:latest", "0a0a0a")


def test_familiar_and_repository() -> None:
    assert familiar("docker.io/library/nginx:1") == "nginx:1"
    assert familiar("docker.io/acme/web:1") == "acme/web:1"
    assert familiar("quay.io/acme/web:1") == "quay.io/acme/web:1"
    assert parse("localhost:5000/a/x:1").repository == "localhost:5000/a/x"
