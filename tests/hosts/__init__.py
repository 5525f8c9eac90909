"""Captures of real hosts, one story each, and the program that records them."""
