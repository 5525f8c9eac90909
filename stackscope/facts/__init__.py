"""The vocabulary: what a witness can say about a host. Frozen data, no I/O."""

from stackscope.facts.capture import SCHEMA, Capture
from stackscope.facts.core import Fact, Gap, Host, Listing, Origin, Why, node_id
from stackscope.facts.union import AnyFact

__all__ = ["SCHEMA", "AnyFact", "Capture", "Fact", "Gap", "Host", "Listing", "Origin", "Why", "node_id"]
