"""`python -m oboegaki`."""

from oboegaki.cli import main

main()
