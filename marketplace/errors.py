"""Everything that can go wrong, and whether trying again could help.

* MarketplaceError
  * InputRejected         the data breaks its contract; a rerun meets the same data
    * NoProduct           a page shows no product
      * LoginWall         a page wants a password before it shows anything
    * PriceUnreadable     a text that should be a price is none
    * ImageRejected       bytes that should be a picture are none we accept
    * FeedRejected        a feed cannot be read as a whole
  * NotFound              nothing is known under that key
  * Conflict              what is asked does not fit what is kept; a person must decide
    * Forgotten           it is of somebody who was erased, and is not taken in
  * QuotaSpent            somebody has had their share for now; later there is another
  * ConfigurationError    a setting or an installation is wrong; a person must mend it
  * ArtifactUnavailable   a model or index is missing, or of another version
    * NotReady            a part that the answer needs is away, busy or still starting; ask again soon
  * PublicationRefused    a new index or model failed its check; the old one stays
  * SourceRefused         a seller's page must not be read (robots, address, scheme)
  * SourceUnavailable     a seller's page did not answer in time; a rerun may find it awake
  * DeliveryFailed        nobody took a message; a later attempt may reach somebody
  * StoreUnreachable      a store did not answer; a rerun may find it awake
"""


class MarketplaceError(Exception):
    """Base of every error this project raises on purpose."""

    retryable = False


class InputRejected(MarketplaceError):
    """The data breaks its contract; the message names the field and the value."""


class NoProduct(InputRejected):
    """A page shows no product: it is another kind of page, or says with status 200 that nothing is there."""


class LoginWall(NoProduct):
    """A page wants a password before it shows anything."""


class PriceUnreadable(InputRejected):
    """A text that should be a price is none; `reason` is one of the stable words that docs/prices.md lists."""

    def __init__(self, message: str, reason: str = "no_amount") -> None:
        super().__init__(message)
        self.reason = reason


class ImageRejected(InputRejected):
    """Bytes that should be a picture are none we accept."""


class FeedRejected(InputRejected):
    """A feed cannot be read as a whole."""


class NotFound(MarketplaceError):
    """Nothing is known under that key."""


class Conflict(MarketplaceError):
    """What is asked does not fit what is kept; the message names both."""


class Forgotten(Conflict):
    """It is of somebody who asked to be forgotten, and nothing of theirs is taken in."""


class QuotaSpent(MarketplaceError):
    """Somebody has had their share for now; after `wait_seconds` there is another."""

    retryable = True

    def __init__(self, message: str, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ConfigurationError(MarketplaceError):
    """A setting or an installation is wrong, and a person must mend it."""


class ArtifactUnavailable(MarketplaceError):
    """A model or index is missing, or of another version than the reader needs."""


class NotReady(ArtifactUnavailable):
    """A part that the answer needs is away, busy or still starting; asking again in a few seconds may help."""

    retryable = True


class PublicationRefused(MarketplaceError):
    """A new index or model failed its check, so the old one stays."""


class SourceRefused(MarketplaceError):
    """A seller's page must not be read: robots, address or scheme forbid it."""


class SourceUnavailable(MarketplaceError):
    """A seller's page did not answer in time or answered with a server error."""

    retryable = True


class DeliveryFailed(MarketplaceError):
    """Nobody took a message: a webhook or a mail server did not answer, or refused it."""

    retryable = True


class StoreUnreachable(MarketplaceError):
    """A store did not answer in time."""

    retryable = True
