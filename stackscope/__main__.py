"""`python -m stackscope`."""

from stackscope.cli.main import entry

if __name__ == "__main__":
    entry()
