"""A model's files: kept in the clip store's place, and on each machine that judges with it.

Both files stand under the model's digest, so what is fetched can be checked, and a model never changes.
"""

import hashlib
from pathlib import Path

from signalcraft.clips.store import open_objects
from signalcraft.core.object_folder import FolderStore
from signalcraft.core.object_store import ObjectStore, StoreUnavailable
from signalcraft.registry.errors import ModelFilesMissing
from signalcraft.settings import Settings

_MODEL, _CARD = "model.onnx", "model.json"


class ModelFiles:
    """The files of all models. All calls wait for disks or a network: make them from a thread."""

    def __init__(self, settings: Settings) -> None:
        self._shared: ObjectStore = open_objects(settings)
        self._folder = settings.data_dir.absolute()
        self._own = FolderStore(self._folder)

    def add(self, model: Path, card: Path) -> str:
        """Copy a model into the store, and to this machine; its digest.

        Raises:
            StoreUnavailable: the store does not take it.
        """
        digest = digest_of(model, card)
        for place in (self._shared, self._own):
            for name, path in ((_MODEL, model), (_CARD, card)):
                if not place.has(_key(digest, name)):
                    with path.open("rb") as source:
                        place.put(_key(digest, name), source)
        return digest

    def path_of(self, digest: str) -> Path:
        """Where the model stands on this machine, its card beside it; fetched from the store if need be.

        Raises:
            ModelFilesMissing: it is not here and can't be fetched, or its files were changed.
        """
        try:
            for name in (_MODEL, _CARD):
                if not self._own.has(_key(digest, name)):
                    with self._shared.open(_key(digest, name)) as source:
                        self._own.put(_key(digest, name), source)
        except FileNotFoundError:
            raise ModelFilesMissing(
                f"model {digest[:12]} is neither in {self._folder} nor in the clip store: add it again, or let the "
                "machines share a store (SIGNALCRAFT_CLIPS__URL)"
            ) from None
        except StoreUnavailable as away:
            raise ModelFilesMissing(f"model {digest[:12]} can't be fetched: {away}") from away
        model = self._folder / _key(digest, _MODEL)
        try:
            found = digest_of(model, self._folder / _key(digest, _CARD))
        except OSError as unreadable:
            raise ModelFilesMissing(f"model {digest[:12]} can't be read: {unreadable}") from unreadable
        if found != digest:
            raise ModelFilesMissing(
                f"the files of model {digest[:12]} in {model.parent} were changed: delete them"
            )
        return model


def digest_of(model: Path, card: Path) -> str:
    """SHA-256 of the ONNX file followed by its card: either one decides what is judged."""
    return hashlib.sha256(model.read_bytes() + card.read_bytes()).hexdigest()


def _key(digest: str, name: str) -> str:
    return f"models/{digest}/{name}"
