"""``python -m pipeline.cli`` is ``svgmill``."""

from pipeline.cli.app import main

main()
