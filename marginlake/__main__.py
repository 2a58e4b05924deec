"""`python -m marginlake` is the `marginlake` command."""

from marginlake.cli import main

if __name__ == "__main__":
    main()
