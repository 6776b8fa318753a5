"""Models as plain files: NumPy arrays read without pickle, and a manifest of their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.errors import ArtifactUnavailable
from marketplace.storage.model_files import arrays_of

FILE = "arrays.npz"
MANIFEST = "manifest.json"
Arrays = Mapping[str, NDArray[Any]]


def write_arrays(folder: Path, arrays: Arrays) -> str:
    """The SHA-256 of the arrays, written as one file without pickle, beside a manifest with it and their shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    np.savez_compressed(file, allow_pickle=False, **dict(arrays))
    shapes = {name: [str(array.dtype), *array.shape] for name, array in arrays.items()}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps({"sha256": digest, "arrays": shapes}, indent=2))
    return digest


def read_content(folder: Path) -> bytes:
    """The arrays' file, after its hash was compared with the manifest.

    Raises
    ------
    ArtifactUnavailable
        If a file is missing or was changed after it was written.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        content = (folder / FILE).read_bytes()
    except FileNotFoundError as error:
        raise ArtifactUnavailable(f"the model in {folder.name} lacks {Path(str(error.filename)).name}") from error
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ArtifactUnavailable(f"the arrays in {folder.name} are not those their manifest names")
    return content


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, after their hash was compared with the manifest.

    Raises
    ------
    ArtifactUnavailable
        If a file is missing or was changed after it was written.
    """
    return arrays_of(read_content(folder))
