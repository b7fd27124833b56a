"""The command line: `groundup`, or `python -m groundup`."""

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 well, 1 failed, 2 used wrongly."""
    try:
        from groundup.commands import app  # takes a moment, in which it may be stopped

        return app.main(arguments)
    except KeyboardInterrupt:
        print("groundup: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
