"""The API's image carries no training libraries, and answers all the same."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = ("pandas", "implicit", "mlflow", "dagster", "pyspark", "matplotlib", "threadpoolctl", "pyarrow", "dbt")
CODE = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {WITHOUT!r}:
            raise ImportError(name + " is not among the packages of the API")

sys.meta_path.insert(0, Absent())
import numpy as np
import scipy.sparse as sp
import serving.app
from models.collaborative.graph import GraphModel
from models.collaborative.model import BlendModel, FactorModel, FoldIn, ItemModel, PopularModel, read_model

items, ones = np.arange(3), np.ones(3, np.float32)
walks = sp.csr_matrix(np.ones((2, 3), np.float32))
parts = (
    FactorModel(np.ones((3, 2), np.float32), items, FoldIn(1.0, 1.0)),
    ItemModel(items, sp.identity(3, np.float32, "csr"), ones, "ease"),
    PopularModel(items, ones),
    GraphModel(items, walks, ones, ones[:2], ones, ones, ones[:2], np.ones((3, 1), np.float32), ones, 0.1, 0.1),
)
model = read_model(BlendModel(parts, (1.0, 1.0, 1.0, 1.0)).to_arrays())
history = sp.csr_matrix(np.array([[1, 0, 0]], np.float32))
assert model.scores(history).shape == (1, 3)
assert model.shares(history, 1).shape == (1,)
"""


def test_the_app_and_every_family_of_model_need_only_the_packages_of_the_api() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
