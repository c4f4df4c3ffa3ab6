"""`python -m migrate`, and the program `migrate`."""

# Built in: `signal` takes 15 ms to import, and until then Ctrl-C would print a traceback.
import _signal  # type: ignore[import-not-found]

early: list[int] = []
_signal.signal(_signal.SIGINT, lambda number, frame: early.append(number))

from migrate.ctrl_c import ctrl_c  # noqa: E402

ctrl_c.install()
if early:
    ctrl_c.on_sigint()

from migrate.talk.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
