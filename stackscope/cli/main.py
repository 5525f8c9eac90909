"""The entry point: arguments, errors, exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

from stackscope import __version__

USAGE = 2
INTERNAL = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; what it returns is the exit code of the process."""
    words = [_utf8(word) for word in (sys.argv[1:] if argv is None else argv)]
    if words in (["--version"], ["-V"]):
        # Before anything is imported: scripts ask for this.
        print(f"stackscope {__version__}")
        return 0
    # Closed by the caller (>&-): there is nobody to tell, but there is an exit code.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  open for as long as the process is
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Where the locale has no such character, an escape is better than no answer.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return _run(words)


def _utf8(word: str) -> str:
    """An argument; bytes of it that are no UTF-8 as visible escapes, because no answer could hold them."""
    return os.fsencode(word).decode("utf-8", "backslashreplace")


def entry() -> None:
    """The console script. Ends at once: a source that hangs may have left a thread that cannot be ended."""
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _run(words: list[str]) -> int:
    from stackscope.cli.arguments import Usage, parse
    from stackscope.errors import StackscopeError

    try:
        options = parse(words)
        code: int = options.run(options)
        return code
    except Usage as error:
        print(error, file=sys.stderr)
        return USAGE
    except StackscopeError as error:
        print(f"stackscope: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the last line of defence says how to report it
        return _internal(error)


def _internal(error: Exception) -> int:
    import traceback

    if os.environ.get("STACKSCOPE_TRACEBACK"):
        traceback.print_exc()
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rpartition('stackscope/')[2]}:{frame.lineno}"
    print(f"stackscope {__version__} itself failed at {where}: {type(error).__name__}: {error}", file=sys.stderr)
    print(
        "  Please report it with the output of the same command under STACKSCOPE_TRACEBACK=1, and a capture if you can"
        " make one: stackscope capture -o host.json.zst",
        file=sys.stderr,
    )
    return INTERNAL
