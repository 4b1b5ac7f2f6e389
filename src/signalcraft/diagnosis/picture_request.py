"""What a picture of a recording shows. Knows no numerical library: the web workers write it."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from signalcraft.diagnosis.normal_spectrum import NormalSpectrum


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """title, subtitle: Latin letters only. bands: from and to in Hz, and the difference in dB. normal: None is unknown."""

    title: str
    subtitle: str
    normal_name: str
    normal: NormalSpectrum | None
    bands: tuple[tuple[float, float, float], ...]
    decisive_s: tuple[float, float] | None

    def to_json(self) -> bytes:
        """As it travels to the inference process."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """The reverse of `to_json`."""
        values = json.loads(text)
        normal, decisive_s = values["normal"], values["decisive_s"]
        values["normal"] = (
            None if normal is None else NormalSpectrum(tuple(normal["mean_db"]), tuple(normal["spread_db"]))
        )
        values["bands"] = tuple(tuple(band) for band in values["bands"])
        values["decisive_s"] = None if decisive_s is None else tuple(decisive_s)
        return cls(**values)
