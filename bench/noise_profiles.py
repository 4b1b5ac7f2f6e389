"""Make the noise profiles that baselines foresee: python bench/noise_profiles.py FOLDER [OUT.npz]."""

import sys
from pathlib import Path

import numpy as np

from signalcraft.acoustics.embedding import SAMPLE_RATE_HZ, embed
from signalcraft.acoustics.noise import profiles_of
from signalcraft.ml.recordings import Noise, level_dbfs, read_noises

PIECE_S = 2.5
AUDIBLE_DBFS = -70.0
SHIPPED = Path("src/signalcraft/acoustics/noise_profiles.npz")
# Of the power in one band, relative to the noise's: weaker is as good as nothing.
FLOOR_DB = -200.0


def profiles_of_noises(noises: list[Noise]) -> np.ndarray:
    """The loudest piece of each audible noise as a profile, shape (noises, SIZE)."""
    pieces = [loudest_piece(noise.waveform) for noise in noises]
    return profiles_of(np.stack([embed(piece) for piece in pieces if level_dbfs(piece) > AUDIBLE_DBFS]))


def loudest_piece(waveform: np.ndarray) -> np.ndarray:
    samples = round(PIECE_S * SAMPLE_RATE_HZ)
    starts = range(0, max(1, len(waveform) - samples + 1), samples // 2)
    return max((waveform[start : start + samples] for start in starts), key=level_dbfs)


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else SHIPPED
    profiles = profiles_of_noises(read_noises(folder))
    decibels = 10 * np.log10(np.maximum(profiles, 10 ** (FLOOR_DB / 10)))
    np.savez_compressed(out, decibels=decibels.astype(np.float16))
    print(f"{len(profiles)} profiles in {out}, {out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
