"""Which snapshots a policy keeps: the published rules of restic, and restic itself as the judge."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.backup.snapshots.retention import Duration, Policy, decide, duration

NOW = datetime(2026, 11, 24, 18, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Taken:
    taken: datetime


def days(*ago: float) -> list[Taken]:
    return [Taken(NOW - timedelta(days=one)) for one in ago]


def kept(snapshots: list[Taken], policy: Policy) -> list[float]:
    """How many days ago those were taken that are kept."""
    return [(NOW - one.taken) / timedelta(days=1) for one, reasons in decide(snapshots, policy) if reasons]


def test_the_last_ones_are_kept() -> None:
    assert kept(days(0, 1, 2, 3), Policy(last=2)) == [0, 1]


def test_of_each_day_the_last_one_is_kept() -> None:
    assert kept(days(0, 0.1, 1, 1.2, 3, 9), Policy(daily=3)) == [0, 1, 3]


def test_the_oldest_one_is_kept_while_there_are_too_few() -> None:
    snapshots = days(0, 0.1, 0.2)
    assert kept(snapshots, Policy(daily=7)) == pytest.approx([0, 0.2])
    assert decide(snapshots, Policy(daily=7))[-1].reasons == ("oldest daily snapshot",)


def test_within_counts_from_the_newest() -> None:
    assert kept(days(30, 35, 36.9, 37, 40), Policy(within=Duration(0, 0, 7, 0))) == [30, 35, 36.9]


def test_one_rule_is_enough_and_all_reasons_are_told() -> None:
    decisions = decide(days(0, 1, 40), Policy(last=1, monthly=5))
    assert [decision.reasons for decision in decisions] == [
        ("last snapshot", "monthly snapshot"),
        (),
        ("monthly snapshot",),
    ]


@pytest.mark.parametrize("text", ["", "7", "1w", "-1d", "1d1y", "9" * 30 + "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


def test_a_duration_has_years_months_days_and_hours() -> None:
    assert duration("1y5m7d2h") == (1, 5, 7, 2)
    assert duration("3d").before(datetime(2026, 3, 2)) == datetime(2026, 2, 27)


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("restic") is None and "CI" not in os.environ, reason="restic is not installed")
def test_restic_keeps_the_same(tmp_path: Path) -> None:
    """Snapshots at odd times over two years, and policies at random: restic decides alike. Before 0.17 it did not keep
    the oldest one while there are too few (its changelog)."""
    chance = random.Random(7)
    environment = {**os.environ, "RESTIC_PASSWORD": "x", "TZ": "UTC", "RESTIC_CACHE_DIR": str(tmp_path / "cache")}

    def restic(*words: str) -> str:
        command = ["restic", "--no-lock", "-r", str(tmp_path / "repository"), *words]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    subprocess.run(
        ["restic", "-r", str(tmp_path / "repository"), "init"], env=environment, check=True, capture_output=True
    )
    (tmp_path / "file").write_text("x")
    snapshots = [
        Taken(NOW - timedelta(minutes=chance.randrange(60 * 24 * 730) // 3 ** chance.randrange(6))) for _ in range(14)
    ]
    for one in snapshots:
        restic("backup", "--host", "h", "--time", f"{one.taken:%Y-%m-%d %H:%M:%S}", str(tmp_path / "file"))
    for _ in range(6):
        policy = Policy(
            last=chance.randrange(3),
            daily=chance.randrange(6),
            weekly=chance.randrange(5),
            monthly=chance.randrange(8),
            yearly=chance.randrange(4),
            within=chance.choice([None, Duration(0, 1, 3, 0), Duration(0, 0, 40, 5)]),
        )
        if policy.is_empty:
            continue
        options = [
            f"--keep-{name}={getattr(policy, name)}" for name in ("last", "daily", "weekly", "monthly", "yearly")
        ]
        options = [option for option in options if not option.endswith("=0")]
        if policy.within:
            options.append(f"--keep-within={policy.within.months}m{policy.within.days}d{policy.within.hours}h")
        (group,) = json.loads(restic("forget", "--dry-run", "--json", *options))
        theirs = {datetime.fromisoformat(one["time"][:19]).replace(tzinfo=UTC) for one in group["keep"]}
        ours = {one.taken.replace(microsecond=0) for one, reasons in decide(snapshots, policy) if reasons}
        oldest = min(one.taken for one in snapshots).replace(microsecond=0)
        assert theirs <= ours and ours - theirs <= {oldest}, policy
