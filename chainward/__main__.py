"""`python -m chainward`."""

from chainward.cli import main

main()
