"""Runs stackscope as `python3 -m stackscope`."""

import sys

from stackscope.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
