"""Questions to a capture: pure, from the graph and its index to an answer."""
