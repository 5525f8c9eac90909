"""dockerd, through the Docker Engine API, 20.10 and later."""
