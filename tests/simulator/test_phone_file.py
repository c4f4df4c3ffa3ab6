"""Phone files: valid and invalid keys and values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.problems import PhoneFileInvalid
from migrate.simulator.device.simulated_user import absent_user
from migrate.simulator.phone_file import PhoneFile, read_phone_file, read_phones

WHOLE = """
name = "Anna’s old iPhone"
udid = "00008101-000A1C2E3F04001E"
seed = 3
ios_version = "18.5"
model = "iPhone14,5"
backup_password = "correct-horse-1947"
keybag_rounds = 1000
trust = "ask"
passcode = "271828"
find_my = true
capacity_bytes = 1000000000

[contents]
contacts = 2
messages = 0
attachments = 0
photos = 1
videos = 0
apps = 0

[faults]
drop_save_after_bytes = 5000
free_bytes = 77
refuse_services = { "com.apple.afc" = "ServiceProhibited" }

[faults.unreadable]
"HomeDomain/Library/SMS/sms.db" = "Input/output error (5)"

[hand]
passcode = "decline"
trust_after_polls = 3
"""

NOTHING = "[contents]\nempty = true\n"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / f"phone{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_key_of_a_file_is_applied_to_the_phone(written: Callable[[str], Path]) -> None:
    phone = read_phone_file(written(WHOLE)).to_phone()
    assert (phone.name, phone.udid) == ("Anna’s old iPhone", "00008101-000A1C2E3F04001E")
    assert (phone.ios_version, phone.build, phone.model_facts.name) == ("18.5", "22F76", "iPhone 13")
    assert (phone.backup_password, phone.keybag_rounds) == ("correct-horse-1947", 1000)
    assert (phone.trust, phone.passcode, phone.find_my) == ("ask", "271828", True)
    assert phone.capacity_bytes == 1_000_000_000
    assert phone.faults.drop_save_after_bytes == 5000 and phone.free_bytes == 77
    assert phone.faults.refuse_services == {"com.apple.afc": "ServiceProhibited"}
    assert phone.faults.why_unreadable("HomeDomain", "Library/SMS/sms.db") == "Input/output error (5)"
    assert (phone.simulated_user.passcode, phone.simulated_user.trust_after_polls, phone.simulated_user.unlocks) == (
        "decline",
        3,
        True,
    )
    assert phone.files.get("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb") is not None


def test_a_file_puts_a_phone_into_any_state(written: Callable[[str], Path]) -> None:
    states = """
screen = "before-first-unlock"
restore_pending = true
activated = false
battery_percent = 3
conditions = { policy = "shared-ipad", cloud_restore = "running", sync_lock_held = true, charging = false }
assume = { carrier_links = "left-out", exact_domains = ["HomeDomain"], cancel = "host-ends" }
aftermath = { seed = 5, skip = ["accounts"], arrives_in_s = "when-ordered" }
hand = { passcode = "ignore", cancels = "backup" }
"""
    phone = read_phone_file(written(states + NOTHING)).to_phone()
    assert phone.locked and not phone.unlocked_since_boot and phone.simulated_user.unlocks is False
    assert phone.pending_restore is not None and not phone.pending_restore.runs_setup
    assert (phone.activated, phone.battery_percent, phone.conditions.charging) == (False, 3, False)
    assert (phone.conditions.policy, phone.conditions.cloud_restore) == ("shared-ipad", "running")
    assert phone.conditions.sync_lock_held and phone.assume.carrier_links == "left-out"
    assert (phone.aftermath.on, phone.aftermath.seed, phone.aftermath.arrives_in_s) == (True, 5, "when-ordered")
    assert phone.aftermath.follows("schema") and not phone.aftermath.follows("accounts")
    assert phone.assume.exact_domains == ("HomeDomain",) and phone.assume.cancel == "host-ends"
    assert (phone.simulated_user.passcode, phone.simulated_user.cancels) == ("ignore", "backup")


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("assume = { carrier_link = 1 }", "did you mean carrier_links"),
        ("aftermath = { ship = [] }", "did you mean skip"),
        ('aftermath = { skip = ["weather"] }', "aftermath.skip"),
        ("conditions = { polic = 1 }", "did you mean policy"),
        ('assume = { cancel = "nobody" }', "assume.cancel"),
        ('screen = "dark"', "screen"),
    ],
)
def test_an_unknown_state_is_named_in_the_error(written: Callable[[str], Path], said: str, about: str) -> None:
    with pytest.raises(PhoneFileInvalid) as refused:
        read_phone_file(written(said))
    assert about in refused.value.why + refused.value.what


def test_a_seed_makes_the_same_phone_every_time(written: Callable[[str], Path]) -> None:
    text = "seed = 5\n[contents]\nmessages = 3\nattachments = 0\nphotos = 0\nvideos = 0\n"
    one, two = (read_phone_file(written(text)).to_phone() for _ in range(2))
    assert one.udid == two.udid and one.serial == two.serial
    assert one.files.digests() == two.files.digests()
    other = read_phone_file(written(text.replace("5", "6", 1))).to_phone()
    assert other.udid != one.udid
    assert other.files.digests() != one.files.digests()


def test_two_phones_of_one_file_share_neither_faults_nor_user(written: Callable[[str], Path]) -> None:
    file = read_phone_file(written(NOTHING))
    one, two = file.to_phone(), file.to_phone()
    assert one.udid != two.udid
    one.faults.unreadable["a"] = "b"
    one.simulated_user.unlocks = False
    assert two.faults.unreadable == {} and two.simulated_user.unlocks is True
    assert file.to_phone().faults.unreadable == {}


@pytest.mark.parametrize(
    ("said", "trust", "locked"),
    [
        ("", "trusted", False),
        ("trust = true\n", "trusted", False),
        ("trust = false\n", "ask", False),
        ('trust = "denied"\n', "denied", False),
        ('trust = "locked"\n', "ask", True),
    ],
)
def test_every_value_of_trust_is_applied(written: Callable[[str], Path], said: str, trust: str, locked: bool) -> None:
    phone = read_phone_file(written(said + NOTHING)).to_phone()
    assert (phone.trust, phone.locked) == (trust, locked)


def test_a_phone_that_starts_locked_stays_locked_unless_its_user_unlocks_it(written: Callable[[str], Path]) -> None:
    away = read_phone_file(written('trust = "locked"\n' + NOTHING)).to_phone()
    assert away.simulated_user.unlocks is False and away.escrow_bag is not None
    declines = read_phone_file(written('trust = "locked"\n[hand]\npasscode = "decline"\n' + NOTHING)).to_phone()
    assert declines.simulated_user.unlocks is False
    at_hand = read_phone_file(written('trust = "locked"\n[hand]\nunlocks = true\n' + NOTHING)).to_phone()
    assert at_hand.simulated_user.unlocks is True


def test_the_user_can_be_absent(written: Callable[[str], Path]) -> None:
    assert read_phone_file(written('hand = "none"\n' + NOTHING)).to_phone().simulated_user == absent_user()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nme = 1", "nme is not a known key (did you mean name?)"),
        ("[contents]\nphoto = 1", "contents.photo is not a known key (did you mean photos?)"),
        (
            "[faults]\ndrop_save_after = 1",
            "is not a known key (did you mean drop_save_after_bytes?)",
        ),
        ('[hand]\npascode = "enter"', "hand.pascode is not a known key (did you mean passcode?)"),
        ('[hand]\npasscode = "sing"', "hand.passcode: Input should be 'enter'"),
        ('hand = "left"', "hand: Input should be"),
        ('trust = "maybe"', "trust: Input should be 'trusted'"),
        ('ios_version = "17"', "ios_version: "),
        ('udid = "../../etc"', "udid: "),
        ('passcode = "letters"', "passcode: "),
        ("capacity_bytes = -1", "capacity_bytes: "),
        ("name = ", "The file is not valid TOML"),
    ],
)
def test_an_invalid_file_is_explained(written: Callable[[str], Path], text: str, sentence: str) -> None:
    with pytest.raises(PhoneFileInvalid) as refused:
        read_phone_file(written(text))
    assert sentence in refused.value.why
    assert refused.value.exit_code == 2


def test_no_error_repeats_a_password(written: Callable[[str], Path]) -> None:
    with pytest.raises(PhoneFileInvalid) as refused:
        read_phone_file(written("backup_password = ['correct-horse-1947']\npasscode = 'secret-word'"))
    assert "correct-horse" not in str(refused.value) and "secret-word" not in str(refused.value)
    assert "correct-horse" not in repr(PhoneFile(backup_password="correct-horse-1947"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(PhoneFileInvalid):
            read_phone_file(path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhoneFileInvalid, match="not valid TOML"):
        read_phone_file(tmp_path / "binary")
    (tmp_path / "long").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(PhoneFileInvalid, match="longer"):
        read_phone_file(tmp_path / "long")


def test_two_files_cannot_make_the_same_phone(written: Callable[[str], Path]) -> None:
    one, other = written("seed = 1\n" + NOTHING), written("seed = 2\n" + NOTHING)
    assert len(read_phones([one, other])) == 2
    with pytest.raises(PhoneFileInvalid, match="UDID"):
        read_phones([one, other, one])


def test_a_phone_has_a_passcode_unless_its_file_removes_it(written: Callable[[str], Path]) -> None:
    assert read_phone_file(written(NOTHING)).to_phone().escrow_bag is not None
    assert read_phone_file(written('passcode = ""\n' + NOTHING)).to_phone().escrow_bag is None
