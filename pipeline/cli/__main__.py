"""``python -m pipeline.cli`` is ``svgmill``, also on a machine of a cluster that may lack what it needs."""

import sys

try:
    from pipeline.cli.app import main
except ImportError as error:
    python = f"{sys.executable} (Python {sys.version.split()[0]})"
    print(
        f"error: {python} cannot run svgmill ({error}); install what it needs there, or put the Python that has it "
        "first in PATH",
        file=sys.stderr,
    )
    sys.exit(2)

main()
