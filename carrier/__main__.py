"""`python -m carrier` is `carrier-host`."""

from carrier.cli import main

main()
