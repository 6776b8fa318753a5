"""What assets reach for, by role.

Resources are the adapters themselves, not `ConfigurableResource`s: Dagster shows the
fields of those in its UI, and an address of Postgres may carry a password.
"""

from typing import Any

import dagster as dg

from marketplace.catalog.products import Seller
from marketplace.ingestion.sources import CatalogSource, source_for
from marketplace.settings import Settings
from marketplace.storage.images import Images
from marketplace.storage.vectors import Vectors
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from models.embedding.loading import load_encoder
from orchestration.registry import ModelRegistry
from orchestration.warehouse_marts import dbt_resource


class Sources:
    """How each seller's catalogue is read; politeness and safety come from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def of(self, seller: Seller) -> CatalogSource:
        """The source that reads this seller's catalogue."""
        return source_for(seller, self.settings)


class Encoders:
    """The encoder of the settings, loaded once per process and only when something must be embedded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: Encoder | None = None

    def load(self) -> Encoder:
        """The encoder that turns a picture and words into a 768-d unit vector."""
        if self._loaded is None:
            self._loaded = load_encoder(
                self.settings.encoder,
                threads=self.settings.encoder_threads,
                siglip_model=self.settings.siglip_model,
                siglip_pretrained=self.settings.siglip_pretrained,
            )
        return self._loaded


WarehouseParam = dg.ResourceParam[Warehouse]
VectorsParam = dg.ResourceParam[Vectors]
ImagesParam = dg.ResourceParam[Images]
EncodersParam = dg.ResourceParam[Encoders]
SourcesParam = dg.ResourceParam[Sources]
RegistryParam = dg.ResourceParam[ModelRegistry]


def resources_from(settings: Settings) -> dict[str, Any]:
    """Every resource of the graph, unconnected; each connects when an asset first uses it."""
    return {
        "warehouse": Warehouse(settings.database_url.get_secret_value()),
        "vectors": Vectors(
            settings.milvus_uri, settings.milvus_token.get_secret_value(), settings.milvus_timeout_seconds
        ),
        "images": Images(settings.artifacts_folder / "images", max_pixels=settings.image_max_pixels),
        "encoders": Encoders(settings),
        "sources": Sources(settings),
        "registry": ModelRegistry(settings.mlflow_tracking_uri),
        "dbt": dbt_resource(settings.database_url.get_secret_value()),
    }
