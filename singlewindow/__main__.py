"""`python -m singlewindow` is the console script."""

from singlewindow.cli import main

main()
