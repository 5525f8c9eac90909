"""containerd, through its gRPC API, releases 1.6 to 2.x."""
