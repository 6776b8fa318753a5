"""The plain package names stay ours, and importing does nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

PACKAGES = ["marketplace", "models", "orchestration", "serving"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_package_names(package):
    owners = set(packages_distributions().get(package, []))
    assert owners <= {"soko"}, f"{package} also comes from {owners}"


def test_the_domain_loads_no_framework():
    code = (
        "import marketplace.cli, marketplace.ingestion.sync, marketplace.storage.vectors, sys;"
        "print([name for name in ('dagster', 'fastapi', 'torch', 'mlflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
