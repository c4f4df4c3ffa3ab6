"""The README's picture of the wizard: a terminal screen becomes an SVG that every browser can read."""

from __future__ import annotations

from xml.etree import ElementTree

from tools.wizard_screenshot import IMAGE, draw, last_page, pieces

TEXT, BOX = "{http://www.w3.org/2000/svg}text", "{http://www.w3.org/2000/svg}rect"


def test_each_piece_of_a_line_keeps_its_place_and_style() -> None:
    drawn = list(pieces("\x1b[38;5;214m\x1b[1mYes\x1b[0m no\nplain"))
    assert [(line, column, text) for line, column, _, text in drawn] == [(0, 0, "Yes"), (0, 3, " no"), (1, 0, "plain")]
    assert drawn[0][2].bold and drawn[0][2].colour == "#ffaf00"
    assert not drawn[1][2].bold and drawn[1][2] == drawn[2][2]


def test_a_selected_line_is_drawn_in_reverse() -> None:
    picture = ElementTree.fromstring(draw("\x1b[7mPhotos & videos\x1b[27m", "A page"))
    assert [text.text for text in picture.iter(TEXT)] == ["Photos & videos"]
    assert len(list(picture.iter(BOX))) == 2, "the background, and the selected line"


def test_only_the_page_that_waits_is_drawn() -> None:
    assert last_page("First? ──────\nyes\n\nSecond? ──────\n> no") == "Second? ──────\n> no"


def test_the_published_picture_shows_what_can_move() -> None:
    shown = [text.text or "" for text in ElementTree.parse(IMAGE).iter(TEXT)]
    assert any("Messages" in line for line in shown) and any("Photos" in line for line in shown)
