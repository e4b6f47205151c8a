"""What a frozen encoder made of photos, kept from one training to the next in the local cache.

A nightly retrain, another head or another fold shows the encoder photos that it has seen. Only averages over a photo
are kept, 5 to 8 kB each; the maps that masks are made from are too large.
"""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oi_tasks.core.fingerprint import content_key, sha256_of

LIMIT = 2 << 30  # bytes of all files together; the oldest go first
ENDING = ".npz"


class SeenPhotos:
    """Averages (F,) by the encoder's key and the sha256 of the encoded photo. Safe between processes."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder, self.limit = folder, limit

    def recall(self, encoder: str, photos: NDArray[np.bytes_]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """(N,) which photos were seen by this encoder, and (N, F) what it made of them; F is 0 where none was."""
        known, found = np.zeros(len(photos), dtype=bool), np.zeros((len(photos), 0), dtype=np.float32)
        for path in self._files(encoder):
            try:
                with np.load(path) as file:
                    seen, features = file["photos"], file["features"]
            except (OSError, ValueError, KeyError, BadZipFile):  # removed or cut short meanwhile: computed again
                continue
            if not found.shape[1]:
                found = np.zeros((len(photos), features.shape[1]), dtype=np.float32)
            order = np.argsort(seen)
            place = np.minimum(np.searchsorted(seen, photos, sorter=order), max(0, len(seen) - 1))
            new = ~known & (seen[order[place]] == photos)
            found[new] = features[order[place[new]]]
            known |= new
        return known, found

    def keep(self, encoder: str, photos: NDArray[np.bytes_], features: NDArray[np.float32]) -> None:
        """Keep the averages (N, F) of photos. What does not fit is left out, the oldest files go."""
        if not 0 < features.nbytes <= self.limit // 2:
            return
        folder = self.folder / encoder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            np.savez(file, photos=photos, features=features)
        Path(file.name).replace(folder / f"{sha256_of(photos.tobytes())[:20]}{ENDING}")
        self._prune()

    def _files(self, encoder: str) -> Iterable[Path]:
        """The encoder's files, the newest first."""
        return sorted((self.folder / encoder).glob(f"*{ENDING}"), key=_written, reverse=True)

    def _prune(self) -> None:
        left = self.limit
        for path in sorted(self.folder.glob(f"*/*{ENDING}"), key=_written, reverse=True):
            with suppress(FileNotFoundError):  # another process removed it
                left -= path.stat().st_size
                if left < 0:
                    path.unlink()


def encoder_key(encoder: nn.Module, **also: object) -> str:
    """A name for an encoder's layers and weights, and for what else changes its features."""
    tensors: dict[str, Tensor] = encoder.state_dict()
    weights = {
        name: sha256_of(tensor.detach().cpu().contiguous().numpy().tobytes()) for name, tensor in tensors.items()
    }
    return content_key({"layers": repr(encoder), "weights": weights, "torch": torch.__version__, **also})


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
