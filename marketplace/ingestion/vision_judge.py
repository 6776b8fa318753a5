"""A vision-language model behind any OpenAI-compatible address, asked for an opinion on one product at a time."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import requests
import urllib3

from marketplace.catalog.opinions import INSTRUCTIONS, Answered, Question, read_opinion
from marketplace.errors import InputRejected, SourceUnavailable
from marketplace.settings import Settings

MOST_ANSWERED_TOKENS = 200
LARGEST_ANSWER = 256 * 1024
PICTURE_TOKENS = 1_000  # what a picture of 800 pixels costs at the most common models
LETTERS_PER_TOKEN = 2  # on the safe side; English has about four, Ethiopic fewer than one


class OpenAIJudge:
    """A judge that speaks the chat-completions protocol.

    Parameters
    ----------
    url
        Base address, such as "https://api.example/v1" or "http://127.0.0.1:11434/v1".
    timeout_seconds
        Longest wait for one whole answer, however slowly it drips.
    """

    def __init__(self, url: str, model: str, key: str = "", *, timeout_seconds: float = 20.0) -> None:
        self.address = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_seconds = timeout_seconds

    @property
    def model(self) -> str:
        """The name under which its opinions are kept."""
        return self._model

    def ask(self, question: Question) -> Answered:
        """The answer; one that cannot be read has its cost, and says what was wrong.

        Raises
        ------
        SourceUnavailable
            If the address did not answer in time, or with an error.
        """
        answer = self._answer(self._body(question))
        tokens = expected_tokens(question)  # a host that does not say, or says less than can be, is not believed
        try:
            content, told = _content(answer)
            tokens = max(tokens - MOST_ANSWERED_TOKENS, told)
            return Answered(read_opinion(content), tokens)
        except InputRejected as error:
            return Answered(None, tokens, str(error))

    def _body(self, question: Question) -> dict[str, Any]:
        shown: list[dict[str, Any]] = [{"type": "text", "text": question.as_data()}]
        if question.picture is not None:
            encoded = base64.b64encode(question.picture).decode()
            shown.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded}"}})
        return {
            "model": self._model,
            "temperature": 0,
            "max_tokens": MOST_ANSWERED_TOKENS,
            "response_format": {"type": "json_object"},
            "messages": [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": shown}],
        }

    def _answer(self, body: dict[str, Any]) -> bytes:
        """The bytes of an answer with status 200, within the time and the size that one may take."""
        until = time.monotonic() + self._timeout_seconds
        received = b""
        try:
            with requests.post(
                self.address,
                json=body,
                headers=self._headers,
                timeout=self._timeout_seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise SourceUnavailable(f"{self.address} answered {response.status_code}")
                while part := response.raw.read1(LARGEST_ANSWER, decode_content=True):  # what came, however little
                    received += part
                    if len(received) > LARGEST_ANSWER or time.monotonic() > until:
                        raise SourceUnavailable(f"{self.address} did not come to an end in time")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceUnavailable(f"{self.address} did not answer: {type(error).__name__}") from error
        return received


def judge_from(settings: Settings) -> OpenAIJudge | None:
    """The judge of the settings, None while none is named."""
    if not settings.judge_url:
        return None
    return OpenAIJudge(
        settings.judge_url,
        settings.judge_model,
        settings.judge_key.get_secret_value(),
        timeout_seconds=settings.judge_timeout_seconds,
    )


def expected_tokens(question: Question) -> int:
    """What a question and the longest answer to it should cost at most."""
    letters = len(INSTRUCTIONS) / 4 + len(question.as_data()) / LETTERS_PER_TOKEN
    return round(letters) + MOST_ANSWERED_TOKENS + (PICTURE_TOKENS if question.picture is not None else 0)


def _content(answer: bytes) -> tuple[str, int]:
    """The text that the model said, and the tokens that the host says it cost; 0 where it says nothing usable."""
    try:
        body = json.loads(answer)
        content = body["choices"][0]["message"]["content"]
        usage = body.get("usage") or {}
        tokens = usage.get("total_tokens", 0)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputRejected(f"{answer[:80]!r} is no chat completion") from error
    if not isinstance(content, str):
        raise InputRejected(f"the content is {type(content).__name__}, not text")
    return content, tokens if isinstance(tokens, int) and tokens > 0 else 0
