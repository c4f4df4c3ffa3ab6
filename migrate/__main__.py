"""`python -m migrate` is `migrate`."""

from migrate.talk.cli import main

if __name__ == "__main__":
    main()
