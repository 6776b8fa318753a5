"""What an encoder can read of a text."""

from __future__ import annotations

TEXT_LIMIT = 2000  # characters: the titles and first paragraphs; a longer text says no more about the product


def readable_text(text: str) -> str:
    """The first 2,000 characters, without those that no encoder can take.

    A zero byte would end the text for it, and half of a surrogate pair has no bytes at all.
    """
    sound = text[:TEXT_LIMIT].replace("\0", " ").encode("utf-8", errors="ignore").decode("utf-8")
    return sound.strip()
