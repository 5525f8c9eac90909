"""How to touch a host: files and sockets under a root, gRPC over such a socket, one budget for each endpoint."""
