"""The new phone's iOS decides the strategy; strategies known to lose data are refused."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from migrate.plan.strategy import Strategy, choose_strategy, parse_version, partial_restore_support, refuse_newer_backup
from migrate.problems import BackupNewerThanPhone, StrategyRefused


@pytest.mark.parametrize("ios_version", ["12.0", "18.5", "26.6", "27.0", "31.2", None])
def test_an_erased_phone_gets_a_replace_whatever_its_version(ios_version: str | None) -> None:
    assert choose_strategy("erased", ios_version) is Strategy.REPLACE


@pytest.mark.parametrize("ios_version", ["9.3.5", "18.1.1", "26.1", "26.6", "27.0", "31.2", "beta", None])
def test_a_phone_in_use_gets_a_rebuild_whatever_its_version(ios_version: str | None) -> None:
    assert choose_strategy("in-use", ios_version) is Strategy.REBUILD


@pytest.mark.parametrize("ios_version", ["9.3.5", "17.7", "18.1.1", "18.2", "26.0", "26.1", "26.5", "26.5.9"])
def test_up_to_26_5_a_plan_may_ask_for_an_overlay(ios_version: str) -> None:
    assert choose_strategy("in-use", ios_version, experimental=("overlay",)) is Strategy.OVERLAY


@pytest.mark.parametrize("ios_version", ["27.0", "27", "27.0.1", "28.4"])
def test_an_overlay_on_ios_27_is_refused_because_it_would_lose_data(ios_version: str) -> None:
    with pytest.raises(StrategyRefused, match="deletes") as caught:
        choose_strategy("in-use", ios_version, experimental=("overlay",), phone="Anna's iPhone")
    assert caught.value.exit_code == 40
    assert "Anna's iPhone" in caught.value.what and ios_version in caught.value.what


@pytest.mark.parametrize("ios_version", ["26.6", "26.7.1", None, "", "beta", "26.x"])
def test_an_overlay_on_an_unexamined_version_is_refused_too(ios_version: str | None) -> None:
    with pytest.raises(StrategyRefused, match="It is not known whether"):
        choose_strategy("in-use", ios_version, experimental=("overlay",))


@pytest.mark.parametrize("ios_version", ["27.0", "26.6", None])
def test_experimental_allows_a_graft_and_nothing_else(ios_version: str | None) -> None:
    assert choose_strategy("in-use", ios_version, experimental=("graft",)) is Strategy.GRAFT
    assert choose_strategy("in-use", "26.1", experimental=("graft",)) is Strategy.GRAFT
    assert choose_strategy("in-use", ios_version, experimental=("overlay", "graft")) is Strategy.GRAFT
    assert choose_strategy("erased", ios_version, experimental=("graft",)) is Strategy.REPLACE


def test_versions_are_compared_as_numbers() -> None:
    assert partial_restore_support("9.3.5") == "keeps", "9 is older than 18, though not as text"
    assert parse_version("26.10") > parse_version("26.9")  # type: ignore[operator]
    assert parse_version("26.5") == parse_version("26.5.0")
    assert parse_version("26." + "9" * 5000) is None


def test_every_row_has_a_source_and_no_version_is_in_two_rows() -> None:
    rows = tomllib.loads(resources.files("migrate.plan").joinpath("versions.toml").read_text(encoding="utf-8"))[
        "in_use"
    ]
    assert all(len(row["source"]) > 40 and row["known"] in ("keeps", "erases", "unknown") for row in rows)
    edges = [(parse_version(row.get("from")), parse_version(row.get("below"))) for row in rows]
    assert edges[0][0] is None and edges[-1][1] is None
    assert [edge[1] for edge in edges[:-1]] == [edge[0] for edge in edges[1:]], (
        "each row begins where the last one ends"
    )


@pytest.mark.parametrize(
    ("backup", "phone", "required"),
    [
        ("18.5", "18.5", None),
        ("18.5", "26.1", None),
        ("9.3.5", "10.0", None),
        ("26.1.1", "26.1", "26.1"),
        ("26.1.1", "26.2", "26.1.1"),
        (None, "26.1", None),
        ("26.1", None, None),
    ],
)
def test_a_phone_takes_backups_of_its_own_and_older_versions(backup: str, phone: str, required: str | None) -> None:
    refuse_newer_backup(backup, phone, phone="Anna's iPhone", required=required)


@pytest.mark.parametrize(
    ("backup", "phone", "required"),
    [
        ("26.1", "18.5", None),
        ("18.5.1", "18.5", None),
        ("18.10", "18.9", None),
        ("26.1.1", "26.1", "26.1.1"),
        ("26.2", "26.1", "26.1"),
    ],
)
def test_a_backup_from_a_newer_iphone_is_refused(backup: str, phone: str, required: str | None) -> None:
    with pytest.raises(BackupNewerThanPhone) as caught:
        refuse_newer_backup(backup, phone, phone="Anna's iPhone", required=required)
    assert caught.value.exit_code == 40
    assert "Update Anna's iPhone" in caught.value.next
