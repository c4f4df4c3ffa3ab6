"""The plain wizard notices phones while it waits for an answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a console cannot be waited for")

PAGE = """
import asyncio, sys
from migrate.talk.wizard import plain_widgets
from migrate.talk.wizard.page import Page, Row

async def a_phone_comes(): await asyncio.get_running_loop().run_in_executor(None, open(sys.argv[1]).read)

page = Page("old", "Which is the old phone?", rows=(Row("a", ("Ada",)), Row("b", ("Ben",))), is_live=True)
print("answered", asyncio.run(plain_widgets.ask(page, a_phone_comes)))
"""


def test_a_plain_page_announces_a_new_phone_and_still_takes_the_answer(tmp_path: Path) -> None:
    pipe = tmp_path / "comes"
    os.mkfifo(pipe)
    terminal = pexpect.spawn(sys.executable, ["-c", PAGE, str(pipe)], encoding="utf-8", timeout=30)
    terminal.expect("Your answer: ")
    pipe.write_text("")
    terminal.expect("Type l to look again")
    terminal.expect("Your answer: ")
    terminal.sendline("2")
    terminal.expect("answered b")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
