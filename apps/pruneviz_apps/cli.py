"""The command line's entry: reads the arguments, runs the command, and turns errors into one line and an exit code.

Exit codes are 0 (done), 1 (failed) and 2 (wrong usage). Nothing heavy is imported here; each command imports what it
needs when it runs.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Sequence

from pruneviz_apps.commands.parser import build_parser, parse

TRACEBACK = "PRUNEVIZ_TRACEBACK"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; those of the process when absent.

    Returns:
        The exit code. Wrong usage and ``--help`` leave through ``SystemExit``, as argparse does.
    """
    from pruneviz.core.errors import PrunevizError

    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parse(build_parser(), given)
    module, _, function = arguments.handler.partition(":")
    try:
        code: int = getattr(importlib.import_module(f"pruneviz_apps.commands.{module}"), function)(arguments) or 0
        sys.stdout.flush()
        return code
    except PrunevizError as e:
        if os.environ.get(TRACEBACK):
            raise
        complain(str(e))
        return e.exit_code
    except KeyboardInterrupt:
        complain(f"stopped. What was finished is kept; to go on: {shlex.join(['pruneviz', *given])}")
        # An interrupt that came while a string was executed (torch and dataclasses do) stays noted in CPython, which
        # would end `python -m` by a signal in place of this code; executing another string clears the note.
        exec("")
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:  # a file or folder that the user named, or the machine
        if os.environ.get(TRACEBACK):
            raise
        complain(f"{e.filename}: {e.strerror}." if e.filename and e.strerror else f"{e}.")
        return 1
    except Exception as e:
        if os.environ.get(TRACEBACK):
            raise
        said = " ".join(str(e).split())
        complain(
            f"unexpected {type(e).__name__}: {said[:500]}\n"
            f"This is a fault of pruneviz or of code that the study names. For the whole traceback: "
            f"{TRACEBACK}=1 {shlex.join(['pruneviz', *given])}"
        )
        return 1


def complain(text: str) -> None:
    """Write an error on stderr, its label red where a person looks at a terminal that has colours."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    label = "\033[1;31merror:\033[0m" if colour else "error:"
    print(f"{label} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
