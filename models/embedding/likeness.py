"""What a cosine of an encoder means."""

from __future__ import annotations

from models.embedding.encoder import Encoder
from models.embedding.vectors import TEXT_WEIGHT

# Of the compact encoder over the sample market: senseless queries reach 0.14, apt ones begin at 0.2.
WORDS_APART = 0.16


def least_likeness(encoder: Encoder) -> float:
    """The cosine below which words and a product have nothing to do with each other."""
    return 0.0 if encoder.has_shared_space else WORDS_APART


def bare_weight(encoder: Encoder) -> float:
    """What to multiply the cosine of words and a product without a picture by, so that it compares with the others'.

    Without a shared space such a product's words fill its vector, and words alone would find it first.
    """
    return 1.0 if encoder.has_shared_space else TEXT_WEIGHT**0.5
