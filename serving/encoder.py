"""The encoder of this process: loaded beside the running app, used by few requests at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread
from typing import Literal

from marketplace.errors import MarketplaceError, NotReady
from models.embedding.encoder import Encoder
from models.embedding.likeness import bare_weight, least_likeness
from models.embedding.vectors import Vectors as Vector
from serving.turns import Turns

log = logging.getLogger(__name__)
AT_ONCE = 2
WAITING = 8
PATIENCE_SECONDS = 5.0


class WarmEncoder:
    """Loads in a thread, so that the app answers at once, and says until then that it is not ready."""

    def __init__(self, load: Callable[[], Encoder]) -> None:
        self._load = load
        self._encoder: Encoder | None = None
        self._failure = ""
        self._turns = Turns(AT_ONCE, waiting=WAITING, refusal="too many searches at once; try again in a few seconds")
        self._thread = Thread(target=self._warm, name="encoder", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Returns when loading has ended, well or not, or after so many seconds."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    @property
    def state(self) -> Literal["loading", "ready", "failed"]:
        """How far it is."""
        if self._encoder is not None:
            return "ready"
        return "failed" if self._failure else "loading"

    @property
    def version(self) -> str | None:
        """The version of its vectors, None until it is ready."""
        return self._encoder.version if self._encoder else None

    @property
    def least_likeness(self) -> float:
        """The cosine below which words and a product have nothing to do with each other."""
        return 0.0 if self._encoder is None else least_likeness(self._encoder)

    @property
    def bare_weight(self) -> float:
        """What to multiply the cosine of words and a product without a picture by."""
        return 1.0 if self._encoder is None else bare_weight(self._encoder)

    def embed(
        self,
        image: bytes | None,
        text: str | None,
        *,
        image_weight: float | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> tuple[Vector, str]:
        """The query's vector and the version of the encoder that made it; `image_weight` is the photo's share.

        `patience` is how many seconds a query waits for its turn.

        Raises
        ------
        NotReady
            If it is not ready, or busy for too long.
        """
        encoder = self._encoder
        if encoder is None:
            raise NotReady(self._failure or "the encoder is still loading; try again in a few seconds")
        with self._turns.one(patience):
            return encoder.embed_query(image, text, image_weight=image_weight), encoder.version

    def _warm(self) -> None:
        try:
            encoder = self._load()
            encoder.embed_query(None, "soko")
        except (MarketplaceError, OSError, ImportError, RuntimeError, ValueError) as error:
            log.exception("the encoder cannot be loaded")
            self._failure = f"the encoder cannot be loaded ({type(error).__name__}); the log says why"
            return
        self._encoder = encoder
        log.info("encoder %s is ready", encoder.version)
