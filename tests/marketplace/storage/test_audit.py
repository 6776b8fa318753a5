"""Scans that killed runs left open are taken up again, who has waited longest first."""

from __future__ import annotations

from marketplace.storage.audit import open_scans
from tests.marketplace.storage.kept import DAY, NOW, keep_seller, keep_sync


def test_open_scans_begin_with_who_was_never_read_and_go_on_with_who_was_read_longest_ago(warehouse):
    read_days_ago = {"amina": 1, "baraka": 3, "chebet": 2}
    for handle, days in read_days_ago.items():
        seller = keep_seller(warehouse, handle)
        keep_sync(warehouse, seller, f"{handle}-read", at=NOW - days * DAY, status="done")
        keep_sync(warehouse, seller, f"{handle}-open", status="scouted", finished_at=None)
    for handle, hours in (("late", 1), ("early", 2)):
        seller = keep_seller(warehouse, handle)
        keep_sync(warehouse, seller, f"{handle}-failed", at=NOW - 9 * DAY, status="failed")
        keep_sync(warehouse, seller, f"{handle}-open", at=NOW - hours * DAY / 24, status="scouted", finished_at=None)
    waiting = [scan.sync_id.removesuffix("-open") for scan in open_scans(warehouse)]
    assert waiting == ["early", "late", "baraka", "chebet", "amina"]
