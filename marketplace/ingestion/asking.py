"""Asking a vision-language judge about flagged products, within a day's budget and a run's time."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from marketplace.catalog.opinions import Answered, Question, VisionJudge
from marketplace.errors import NotFound, SourceUnavailable
from marketplace.ingestion.vision_judge import expected_tokens
from marketplace.storage.images import Images
from marketplace.storage.opinions import keep, spent_on, to_ask
from marketplace.storage.quality import usual_prices
from marketplace.storage.warehouse import Warehouse

log = logging.getLogger(__name__)
MOST_SILENCES = 3  # in a row; then the judge is left alone until the next run
LOCK = 0x50_4B_4A  # two runs that ask at once would spend one budget twice


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one run of questions: opinions by verdict, calls, tokens, and why it stopped."""

    calls: int = 0
    tokens: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    without_opinion: int = 0
    stopped: str = "every flagged product was asked about"


def ask_about_flagged(
    warehouse: Warehouse,
    images: Images,
    judge: VisionJudge,
    *,
    daily_calls: int,
    daily_tokens: int,
    most_seconds: float,
    now: datetime,
) -> Asked:
    """What the judge said of the flagged products that it was not asked about yet.

    A judge that is silent or talks nonsense gives no opinion, and never an error: the product stays flagged.

    Parameters
    ----------
    daily_calls, daily_tokens
        What one UTC day may cost, over all runs; a question that could exceed it is not asked.
    most_seconds
        After which no other question is asked.
    """
    with warehouse.held(LOCK) as is_ours:
        if not is_ours:
            return Asked(stopped="another run is asking")
        return _ask(warehouse, images, judge, daily_calls, daily_tokens, time.monotonic() + most_seconds, now)


def _ask(
    warehouse: Warehouse,
    images: Images,
    judge: VisionJudge,
    daily_calls: int,
    daily_tokens: int,
    until: float,
    now: datetime,
) -> Asked:
    before = spent_on(warehouse, now)
    left = max(0, daily_calls - before.calls)
    asked, silences, ranges = Asked(), 0, usual_prices(warehouse)
    for waiting, picture in to_ask(warehouse, judge.model, now=now, limit=left + 1):
        try:
            question = replace(waiting, picture=images.read(picture))
        except NotFound as error:
            log.warning("product %d is not asked about: %s", waiting.product_id, error)
            continue
        if asked.calls >= left:
            return replace(asked, stopped=f"the day's {daily_calls} calls are spent")
        if before.tokens + asked.tokens + expected_tokens(question) > daily_tokens:
            return replace(asked, stopped=f"the day's {daily_tokens} tokens are spent")
        if time.monotonic() > until:
            return replace(asked, stopped="the time of this run is over")
        answered, is_silent = _answered(judge, question)
        keep(warehouse, question, judge.model, answered, ranges, now)
        asked = _with(asked, answered)
        silences = silences + 1 if is_silent else 0
        if silences >= MOST_SILENCES:
            return replace(asked, stopped=f"the judge was silent {silences} times in a row: {answered.problem}")
    return asked


def _answered(judge: VisionJudge, question: Question) -> tuple[Answered, bool]:
    """The answer, and whether there was none at all; a silence costs what an answer would have."""
    try:
        answered = judge.ask(question)
    except SourceUnavailable as error:
        log.warning("no opinion on product %d: %s", question.product_id, error)
        return Answered(None, expected_tokens(question), str(error)), True
    if answered.opinion is None:
        log.warning("no opinion on product %d: %s", question.product_id, answered.problem)
    return answered, False


def _with(asked: Asked, answered: Answered) -> Asked:
    opinion = answered.opinion
    return replace(
        asked,
        calls=asked.calls + 1,
        tokens=asked.tokens + answered.tokens,
        verdicts=asked.verdicts + Counter([opinion.verdict] if opinion else []),
        without_opinion=asked.without_opinion + (opinion is None),
    )
