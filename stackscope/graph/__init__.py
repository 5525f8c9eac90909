"""The graph: nodes and links of one capture, each link with its reason and evidence."""

from stackscope.graph.model import Evidence, Link, Node, Relation, Topology

__all__ = ["Evidence", "Link", "Node", "Relation", "Topology"]
