"""`python -m lakehouse …`, which the Makefile calls."""

from lakehouse.cli import main

if __name__ == "__main__":
    main()
