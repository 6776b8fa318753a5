"""Where this process finds its stores and how it behaves: what differs between a laptop, CI and production."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from marketplace.errors import ConfigurationError

SHORTEST_KEY = 32
KNOWN_SECRETS = frozenset({"development-only", "postgres", "password", "soko", "changeme", "change-me", "admin"})


class Settings(BaseSettings):
    """Every setting of Soko, read from `SOKO_*` variables or a `.env` file."""

    model_config = SettingsConfigDict(env_prefix="SOKO_", env_file=".env", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field(
        "development", description="production refuses private addresses, open doors and known passwords"
    )
    home: Path = Field(Path(".soko"), description="the one folder that holds everything a local run writes")
    database_url: SecretStr = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/soko"), description="Postgres that holds truth and marts"
    )
    dagster_database_url: SecretStr = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/dagster"), description="Postgres of Dagster's runs and events"
    )
    mlflow_tracking_uri: str = Field("http://127.0.0.1:5000", description="MLflow server that tracks and gates models")
    statement_seconds: float = Field(
        5.0, gt=0, description="longest that the API waits for one statement of Postgres; jobs have no such bound"
    )
    milvus_uri: str = Field("http://127.0.0.1:19530", description="Milvus, Lite server or standalone alike")
    milvus_token: SecretStr = Field(SecretStr(""), description="user:password of Milvus, empty for none")
    milvus_timeout_seconds: float = Field(10.0, gt=0, description="longest wait for one answer of Milvus")
    search_seconds: float = Field(
        0.8, gt=0, description="longest that a search with words waits for Milvus before words answer alone"
    )
    artifacts: Path | None = Field(None, description="folder of pictures and models; HOME/artifacts unless set")

    encoder: Literal["compact", "siglip"] = Field("compact", description="which encoder makes the 768-d vectors")
    encoder_threads: int = Field(2, ge=1, description="CPU threads the encoder may use")
    encoder_runtime: Literal["onnx", "torch"] = Field(
        "onnx", description="what runs the compact encoder; torch where ONNX Runtime cannot be installed"
    )
    encoder_batch: int = Field(0, ge=0, description="pictures or texts encoded at once; 0 chooses from the machine")
    encoder_decoders: int = Field(
        0, ge=0, description="threads that decode pictures ahead; 0 takes as many as there are cores"
    )
    siglip_model: str = Field(
        "ViT-B-16-SigLIP", description="open_clip name, hf-hub:NAME or local-dir:FOLDER of the SigLIP model"
    )
    siglip_pretrained: str = Field("webli", description="open_clip weights tag; empty with local-dir or hf-hub")
    index_type: Literal["IVF_FLAT", "FLAT", "IVF_SQ8", "HNSW", "HNSW_SQ"] = Field(
        "IVF_FLAT", description="Milvus index of the vectors; HNSW_SQ needs Milvus 2.5 or Milvus Lite"
    )
    index_snapshots: Path | None = Field(
        None, description="folder of the index's daily backups; HOME/artifacts/index unless set"
    )
    index_snapshots_kept: int = Field(7, ge=1, description="daily backups of the index that are kept")

    search_judgements: str = Field(
        "", description="a market's own judged queries, with commas between: CSVs, or handle=folder; empty for none"
    )

    hydrate_concurrency: int = Field(20, ge=1, le=200, description="product pages fetched at once")
    sellers_at_once: int = Field(4, ge=1, le=64, description="sellers that one run reads at the same time")
    host_seconds: float = Field(900.0, gt=0, description="longest that one host may take in one run, waits included")
    per_host_concurrency: int = Field(8, ge=1, description="product pages fetched at once from one host")
    fetch_timeout_seconds: float = Field(15.0, gt=0, description="longest wait for one page or picture")
    user_agent: str = Field("SokoBot/0.1 (+https://soko.example/bot)", description="how the fetcher names itself")
    allow_private_hosts: bool = Field(
        False, description="read catalogues from loopback and private addresses; refused in production"
    )
    chromium_path: str = Field("", description="Chromium to scout with; found on PATH when empty")
    vanish_brake_share: float = Field(
        0.3, gt=0, le=1, description="a sync that would lose more than this share of a seller's products stops"
    )
    vanish_brake_least: int = Field(5, ge=1, description="products that must vanish at once before the brake holds")

    public_url: str = Field("http://127.0.0.1:8000", description="address shoppers reach the storefront under")
    operator_token: SecretStr = Field(
        SecretStr(""),
        description="what X-Soko-Token must hold to steer; empty: only an admin's key steers",
    )
    auth: Literal["keys", "open"] = Field(
        "keys", description="who may see figures and people: holders of keys; open: everybody, in development only"
    )
    pii_key: SecretStr = Field(
        SecretStr(""),
        description="32 random characters or more that seal names and numbers; empty: one kept in the database",
    )
    token_seconds: int = Field(3600, ge=60, le=86_400, description="how long a token or a browser's sign-in is good")
    cors_origins: str = Field(
        "", description="sites whose scripts may call the API, with commas between, such as https://shop.example"
    )
    rate_limit: str = Field("1200/minute", description="requests of one key; empty for no limit")
    rate_limit_address: str = Field(
        "6000/minute", description="requests of one address, answers from memory apart; empty for no limit"
    )
    rate_limit_sign_in: str = Field(
        "20/minute", description="tokens, sign-ins and wrong keys of one address; empty for no limit"
    )
    rate_limit_leads: str = Field("60/minute", description="leads sent from one address; empty for no limit")
    rate_limit_links: str = Field("120/minute", description="chats begun from one address; empty for no limit")
    upload_max_bytes: int = Field(8_000_000, ge=1, description="largest photo a shopper may upload")
    feed_upload_max_bytes: int = Field(20_000_000, ge=1, description="largest feed that a seller may hand over")
    feed_uploads_per_hour: int = Field(30, ge=1, description="feeds that one seller may hand over in an hour")
    image_max_pixels: int = Field(40_000_000, ge=1, description="largest picture that is decoded")

    recommendation_events: int = Field(
        500, ge=1, le=10_000, description="newest deeds of a shopper that recommendations look back on"
    )
    recommendation_per_seller: int = Field(
        4, ge=1, description="most places of one seller in a list, while others have something to show"
    )
    recommendation_diversity: float = Field(
        0.2, ge=0, le=1, description="how much variety counts against relevance in lists: 0 none, 1 nothing else"
    )
    recommendation_exploration: float = Field(
        0.05, ge=0, le=0.5, description="share of places that go to products which were hardly shown yet"
    )
    recommendation_exposures: int = Field(
        2000, ge=1, description="answers that wait at most to be recorded; more are counted as lost"
    )

    spark_master: str = Field(
        "",
        description="master of the Spark that fits ALS, spark://host:7077 or local[2]; empty fits it on this machine",
    )

    review_token: SecretStr = Field(
        SecretStr(""), description="what reviewers send as X-Soko-Token; empty: only an admin's key reviews"
    )
    judge_url: str = Field("", description="OpenAI-compatible address of a vision-language judge; empty for none")
    judge_model: str = Field("", description="the judge's model, under whose name its opinions are kept")
    judge_key: SecretStr = Field(SecretStr(""), description="key of the judge, empty for none")
    judge_timeout_seconds: float = Field(20.0, gt=0, description="longest wait for one opinion")
    judge_daily_calls: int = Field(200, ge=0, description="most products a day (UTC) that the judge is asked about")
    judge_daily_tokens: int = Field(400_000, ge=0, description="most tokens a day (UTC) that the judge may cost")

    @model_validator(mode="after")
    def refuse_a_judge_without_a_name(self) -> Self:
        """Settings under which a judge's opinions can be kept."""
        if self.judge_url and not self.judge_model:
            raise ConfigurationError("SOKO_JUDGE_URL is set, so SOKO_JUDGE_MODEL must name a model")
        return self

    @field_validator("rate_limit", "rate_limit_address", "rate_limit_sign_in", "rate_limit_leads", "rate_limit_links")
    @classmethod
    def refuse_what_is_no_rate(cls, rate: str) -> str:
        """The rate as it was written."""
        if rate and not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
            raise ValueError(f"{rate!r} is no rate such as 60/minute")
        return rate

    @field_validator("cors_origins")
    @classmethod
    def refuse_what_is_no_origin(cls, origins: str) -> str:
        """The origins as they were written."""
        for one in filter(None, origins.split(",")):
            if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", one.strip()):
                raise ValueError(f"{one.strip()!r} is no origin such as https://shop.example")
        return origins

    @model_validator(mode="after")
    def refuse_development_defaults_in_production(self) -> Self:
        """Settings that are safe where they are used."""
        if self.environment == "production":
            if self.auth == "open":
                raise ConfigurationError("SOKO_AUTH must be keys when SOKO_ENVIRONMENT is production")
            for name in ("pii_key", "operator_token", "review_token"):
                _refuse_a_known_secret(name, getattr(self, name).get_secret_value())
            if len(self.pii_key.get_secret_value()) < SHORTEST_KEY:
                raise ConfigurationError(f"SOKO_PII_KEY needs {SHORTEST_KEY} random characters or more in production")
            if self.allow_private_hosts:
                raise ConfigurationError("SOKO_ALLOW_PRIVATE_HOSTS must be false when SOKO_ENVIRONMENT is production")
            for name in ("database_url", "dagster_database_url"):
                found = getattr(self, name).get_secret_value().partition("://")[2].rpartition("@")[0]
                _refuse_a_known_secret(name, found.partition(":")[2])
                if not found.partition(":")[2]:
                    raise ConfigurationError(f"SOKO_{name.upper()} needs a user and password in production")
        return self

    @property
    def encoders_folder(self) -> Path:
        """The folder of what encoders make of their weights once."""
        return (self.home / "caches" / "encoders").resolve()

    @property
    def uploads_folder(self) -> Path:
        """The folder of feeds that sellers handed over."""
        return self.artifacts_folder / "feeds"

    @property
    def index_snapshots_folder(self) -> Path:
        """The folder of the index's backups."""
        return (self.index_snapshots or self.artifacts_folder / "index").resolve()

    @property
    def model_files_folder(self) -> Path:
        """The folder of models that are or were served, by the hash of their content."""
        return self.artifacts_folder / "models"

    @property
    def artifacts_folder(self) -> Path:
        """The folder of pictures and models."""
        return (self.artifacts or self.home / "artifacts").resolve()

    @property
    def allowed_origins(self) -> list[str]:
        """The sites whose scripts may call the API."""
        return [one.strip() for one in self.cors_origins.split(",") if one.strip()]


def _refuse_a_known_secret(name: str, secret: str) -> None:
    if secret.lower() in KNOWN_SECRETS:
        raise ConfigurationError(f"SOKO_{name.upper()} holds a password that everybody knows, which production refuses")
