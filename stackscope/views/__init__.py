"""What a person or a program reads: a Topology or an answer in, text out. Pure."""
