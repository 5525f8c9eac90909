"""What all tests share."""

from hypothesis import settings

# `make fuzz` asks for it. No deadline: what is slow there is the machine under load.
settings.register_profile("fuzz", max_examples=10_000, deadline=None)
# What CI runs.
settings.register_profile("fuzz-short", max_examples=500, deadline=None)
