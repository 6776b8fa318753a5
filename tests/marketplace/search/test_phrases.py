"""Phrases of titles are counted, however many there are."""

from __future__ import annotations

from marketplace.search.phrases import PhraseCounts, phrases_of


def counted(counts: PhraseCounts, most: int = 99) -> dict[str, int]:
    return {one.phrase: one.products for one in counts.fullest(most)}


def test_a_phrase_is_up_to_three_words_that_begin_and_end_with_meaning() -> None:
    assert phrases_of("Kiondo bag for men 5") >= {"kiondo", "bag", "kiondo bag", "bag for men"}
    assert not phrases_of("Kiondo bag for men 5") & {"for", "bag for", "for men", "5"}


def test_phrases_of_several_products_count_with_the_first_of_them() -> None:
    counts = PhraseCounts()
    for product_id in range(9):
        counts.add(product_id, "Kiondo kiondo")
    counts.add(9, "Tray")
    assert counted(counts) == {"kiondo": 9, "kiondo kiondo": 9}
    assert counts.fullest(1)[0].examples == [0, 1, 2, 3, 4]
    assert counts.forgotten == 0


def test_the_rare_are_forgotten_before_the_common_and_memory_stays_bounded() -> None:
    counts = PhraseCounts(most=40)
    for number in range(500):
        counts.add(number, "kiondo")
        counts.add(number, f"x{number}x")
        assert len(counts._counts) <= 41
    assert counts.forgotten > 0
    assert counted(counts) == {"kiondo": 500}


def test_what_all_phrases_share_equally_does_not_outgrow_the_room() -> None:
    counts = PhraseCounts(most=10)
    for number in range(100):
        for _ in range(3):
            counts.add(number, f"x{number}x")
    assert len(counts.fullest(99)) <= 11
