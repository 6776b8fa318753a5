"""The same factors from a cluster: implicit ALS by Spark MLlib, for interactions that outgrow one machine.

What comes back is the model that one machine would fit, so serving and the gate know no difference. MLlib scales its
penalty by how often a row was observed, so the fold-in does too.

Source: Hu, Koren, Volinsky, ICDM 2008, as MLlib implements it; Zhou et al., "Large-scale parallel collaborative
filtering for the Netflix prize", AAIM 2008, section 4.1 for the scaled penalty.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from marketplace.errors import ConfigurationError, InputRejected
from models.collaborative.factors import AlsParameters
from models.collaborative.features import Interactions
from models.collaborative.model import FactorModel, FoldIn

PARTITIONS = 8


@dataclass(frozen=True, slots=True)
class SparkAls:
    """ALS on the cluster of that master, in place of `LocalAls`; MLlib always begins anew."""

    master: str
    begins_warm: bool = False

    def __call__(
        self, interactions: Interactions, parameters: AlsParameters, *, warm: FactorModel | None = None
    ) -> FactorModel:
        """As `fit_als_on_spark`."""
        return fit_als_on_spark(interactions, parameters, master=self.master)


def fit_als_on_spark(
    interactions: Interactions, parameters: AlsParameters, *, master: str, memory: str = "4g"
) -> FactorModel:
    """Factors of products by Spark MLlib's implicit ALS.

    Parameters
    ----------
    master
        Of the cluster: `spark://host:7077`, `k8s://...`, `yarn`, or `local[2]` for this machine.
    memory
        Of the driver.

    Raises
    ------
    ConfigurationError
        If pyspark or Java is not installed, or the master does not answer.
    InputRejected
        If there is nothing to learn from.
    """
    if not (interactions.matrix.data > 0).any():
        raise InputRejected("there are no interactions to train on")
    with session(master, memory) as spark, tempfile.TemporaryDirectory() as folder:
        file = _written(interactions.matrix, Path(folder))
        factors = _fitted(spark, file, parameters)
    items = np.zeros((len(interactions.items), parameters.factors), dtype=np.float32)
    for place, values in factors:
        items[place] = values
    # MLlib's confidence is 1 + alpha * interest, and its penalty is multiplied by the number of observed items.
    fold = FoldIn(parameters.regularization, parameters.alpha, base=0.0, base_target=1.0, frequency=1.0)
    return FactorModel(items, interactions.items, fold, "als")


@contextmanager
def session(master: str, memory: str = "4g") -> Iterator[Any]:
    """A Spark session, stopped at the end.

    Raises
    ------
    ConfigurationError
        If pyspark or Java is not installed, or the master does not answer.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigurationError("training on Spark needs pyspark: pip install 'soko[spark]'") from error
    builder = SparkSession.builder.master(master).appName("soko-als").config("spark.driver.memory", memory)
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    if master.startswith("local"):  # nothing but this machine may reach it
        quiet |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    for name, value in {**quiet, "spark.sql.shuffle.partitions": str(PARTITIONS)}.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError, RuntimeError) as error:
        lines = [line for line in str(error).splitlines() if "Exception: " in line] or [str(error)]
        raise ConfigurationError(f"Spark at {master} does not start: {lines[0]}") from error
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


def _written(matrix: sp.csr_matrix, folder: Path) -> str:
    """The interactions as a Parquet file of user, item and rating, which Spark reads in parallel."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = matrix.tocoo()
    columns = {"user": entries.row.astype(np.int32), "item": entries.col.astype(np.int32), "rating": entries.data}
    pq.write_table(pa.table(columns), folder / "interactions.parquet")
    return str(folder / "interactions.parquet")


def _fitted(spark: Any, file: str, parameters: AlsParameters) -> list[tuple[int, list[float]]]:
    from pyspark.ml.recommendation import ALS

    als = ALS(
        rank=parameters.factors,
        maxIter=parameters.iterations,
        regParam=parameters.regularization,
        alpha=parameters.alpha,
        implicitPrefs=True,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
        seed=parameters.seed,
        numUserBlocks=PARTITIONS,
        numItemBlocks=PARTITIONS,
    )
    rows = als.fit(spark.read.parquet(file)).itemFactors.toArrow()
    return list(zip(rows["id"].to_pylist(), rows["features"].to_pylist(), strict=True))
