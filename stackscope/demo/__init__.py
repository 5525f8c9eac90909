"""A capture of a real host, for `stackscope demo`. How it was recorded: tests/hosts/README.md."""
