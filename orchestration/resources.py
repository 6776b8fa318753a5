"""What assets reach for, by role.

Resources are the adapters themselves, not `ConfigurableResource`s: Dagster shows the
fields of those in its UI, and an address of Postgres may carry a password.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import dagster as dg

from marketplace.alerting.channels import channels_from
from marketplace.alerting.delivering import Delivered, deliver
from marketplace.alerting.quiet import quiet_hours_from
from marketplace.catalog.opinions import VisionJudge
from marketplace.errors import MarketplaceError
from marketplace.ingestion.sync import Ingestion
from marketplace.ingestion.vision_judge import judge_from
from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.model_files import ModelCache
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.collaborative.distributed import SparkAls
from models.collaborative.training import LOCAL, Als
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from orchestration.judging import Judgements
from orchestration.registry import ModelRegistry
from orchestration.warehouse_marts import dbt_resource

log = logging.getLogger(__name__)
S = TypeVar("S")
R = TypeVar("R")


class Ingestions:
    """Reads sellers' catalogues in one event loop; politeness and safety come from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def each(
        self, warehouse: Warehouse, images: Images, subjects: Sequence[S], work: Callable[[Ingestion, S], Awaitable[R]]
    ) -> tuple[list[R], list[str]]:
        """What the work gave for each subject, several at once, and what went wrong; one bad seller stops no other.

        Raises
        ------
        Exception
            The first error, when the work failed for every subject.
        """
        return asyncio.run(self._each(Ingestion(warehouse, images, self.settings), subjects, work))

    async def _each(
        self, ingestion: Ingestion, subjects: Sequence[S], work: Callable[[Ingestion, S], Awaitable[R]]
    ) -> tuple[list[R], list[str]]:
        done: list[R] = []
        errors: list[Exception] = []
        places = asyncio.Semaphore(self.settings.sellers_at_once)

        async def one(subject: S) -> None:
            async with places:
                try:
                    done.append(await work(ingestion, subject))
                    log.info("%d of %d sellers done", len(done) + len(errors), len(subjects))
                except Exception as error:  # whatever one seller brings about, it must not stop the others
                    errors.append(error)
                    trace = None if isinstance(error, MarketplaceError) else error
                    log.warning("%d of %d sellers: %s", len(done) + len(errors), len(subjects), error, exc_info=trace)

        async with ingestion, asyncio.TaskGroup() as group:
            for subject in subjects:
                group.create_task(one(subject))
        if errors and not done:
            raise errors[0]
        return done, [f"{type(error).__name__}: {error}" for error in errors]


class Encoders:
    """The encoder of the settings, loaded once per process and only when something must be embedded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: Encoder | None = None

    def load(self) -> Encoder:
        """The encoder that turns a picture and words into a 768-d unit vector."""
        if self._loaded is None:
            self._loaded = self.loading(threads=self.settings.encoder_threads)()
        return self._loaded

    def loading(self, *, threads: int) -> Callable[[], Encoder]:
        """What loads such an encoder of so many threads, here or in another process."""
        return partial(
            load_encoder,
            self.settings.encoder,
            threads=threads,
            siglip_model=self.settings.siglip_model,
            siglip_pretrained=self.settings.siglip_pretrained,
            runtime=self.settings.encoder_runtime,
            cache=self.settings.encoders_folder,
            batch=self.settings.encoder_batch,
        )


class Judges:
    """The vision-language judge of the settings, and what a day of it may cost."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def load(self) -> VisionJudge | None:
        """The judge, None while it is off."""
        return judge_from(self.settings)


class Alerting:
    """How alerts are told under the settings: through which channels, and when."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def names(self) -> list[str]:
        """The channels' names."""
        return [channel.name for channel in channels_from(self.settings)]

    def due_at(self, now: datetime, time_zone: str) -> datetime:
        """When what is raised now may be told in the zone."""
        quiet = quiet_hours_from(self.settings.quiet_hours)
        return now if quiet is None else quiet.due_at(now, time_zone)

    def deliver(self, warehouse: Warehouse) -> Delivered:
        """What was told of what is due."""
        return deliver(
            warehouse,
            channels_from(self.settings),
            digest_from=self.settings.alert_digest_from,
            attempts=self.settings.alert_attempts,
            clock=lambda: datetime.now(UTC),
        )


WarehouseParam = dg.ResourceParam[Warehouse]
VectorsParam = dg.ResourceParam[Vectors]
ImagesParam = dg.ResourceParam[Images]
EncodersParam = dg.ResourceParam[Encoders]
IngestionsParam = dg.ResourceParam[Ingestions]
JudgesParam = dg.ResourceParam[Judges]
JudgementsParam = dg.ResourceParam[Judgements]
RegistryParam = dg.ResourceParam[ModelRegistry]
ModelCacheParam = dg.ResourceParam[ModelCache]
AlsParam = dg.ResourceParam[Als]
AlertingParam = dg.ResourceParam[Alerting]


def als_of(settings: Settings) -> Als:
    """Where the settings have ALS fitted: on this machine, or by Spark at a master."""
    return SparkAls(settings.spark_master) if settings.spark_master else LOCAL


def resources_from(settings: Settings) -> dict[str, Any]:
    """Every resource of the graph, unconnected; each connects when an asset first uses it."""
    return {
        "warehouse": Warehouse(settings.database_url.get_secret_value()),
        "vectors": Vectors(
            settings.milvus_uri, settings.milvus_token.get_secret_value(), settings.milvus_timeout_seconds
        ),
        "images": Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels),
        "encoders": Encoders(settings),
        "ingestions": Ingestions(settings),
        "judges": Judges(settings),
        "judgements": Judgements(settings),
        "registry": ModelRegistry(settings.mlflow_tracking_uri),
        "model_cache": ModelCache(settings.model_files_folder),
        "als": als_of(settings),
        "alerting": Alerting(settings),
        "dbt": dbt_resource(settings.database_url.get_secret_value()),
    }
