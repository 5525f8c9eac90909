"""The kernel, through /proc: processes that play a part, listening unix sockets and who holds them."""
