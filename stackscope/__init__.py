"""Shows what runs on a container host, which engine owns it, and what each client can see of it."""

__version__ = "0.1.0"
