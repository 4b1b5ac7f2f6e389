"""The front end as a torch module: waveform to log-mel, made of operations that every ONNX runtime has."""

import numpy as np
import numpy.typing as npt
import torch
from librosa.filters import mel
from torch import Tensor, nn

from signalcraft.ml.mel import SAMPLE_RATE_HZ, MelSettings


class LogMel(nn.Module):  # type: ignore[misc]
    """Log-power mel spectrogram, equal to librosa's within 1e-4.

    Input float32 [batch, samples], full scale ±1, 16 kHz; output float32 [batch, frames, bands], natural log.

    The discrete Fourier transform of a real frame is two matrix products (cosines, sines). Each is folded twice about
    its own symmetry, which leaves a quarter of the multiplications: first n against N-n, then n against N/2-n, where
    the even and the odd bins part; bins above the highest band are not computed. It computes in the precision of its
    constants: training needs no more than float32, but where one band is a hundred million times weaker than another
    only float64 equals librosa, so that is what is exported.
    """

    def __init__(self, settings: MelSettings) -> None:
        super().__init__()
        self.settings = settings
        frame, half, quarter = (
            settings.frame_samples,
            settings.frame_samples // 2,
            settings.frame_samples // 4,
        )
        # The periodic Hann window is zero at n = 0 and symmetric about N/2, so it can follow the first fold.
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(half + 1) / frame)
        # n = 0 and n = N/2 have no partner in the first fold but are added to themselves there.
        window[[0, half]] /= 2
        self._keep("window", window)
        turns = 2 * np.pi * np.outer(np.arange(quarter + 1), np.arange(half + 1)) / frame
        cosines, sines = np.cos(turns), np.sin(turns)
        # n = N/4 is its own partner in the second fold.
        cosines[quarter] /= 2
        sines[quarter] /= 2
        filters = _mel_filterbank(settings).T
        heard = int(np.flatnonzero(filters.any(axis=1)).max()) + 1
        filters, cosines, sines = filters[:heard], cosines[:, :heard], sines[:, :heard]
        self._keep("cosines_even", cosines[:, 0::2])
        self._keep("cosines_odd", cosines[:, 1::2])
        self._keep("sines_even", sines[:, 0::2])
        self._keep("sines_odd", sines[:, 1::2])
        self._keep("filters_even", filters[0::2])
        self._keep("filters_odd", filters[1::2])

    def _keep(self, name: str, values: np.ndarray) -> None:
        """Hold constants that the state of training does not contain, since the settings give them again."""
        self.register_buffer(name, torch.tensor(values, dtype=torch.float64), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Log-mel of `waveform`; samples after the last whole hop are left out."""
        frames = self._frames(waveform.to(self.window.dtype))
        quarter = self.settings.frame_samples // 4
        half = 2 * quarter
        ahead, behind = frames[..., : half + 1], _mirrored(frames[..., half:])
        # The frame's sample N is outside it; the window's zero at n = 0 would have removed it anyway.
        behind = torch.cat([ahead[..., :1], behind], dim=-1)
        alike, unlike = (ahead + behind) * self.window, (ahead - behind) * self.window
        power_even = (_folded(alike, quarter, 1) @ self.cosines_even) ** 2
        power_even = power_even + (_folded(unlike, quarter, -1) @ self.sines_even) ** 2
        power_odd = (_folded(alike, quarter, -1) @ self.cosines_odd) ** 2
        power_odd = power_odd + (_folded(unlike, quarter, 1) @ self.sines_odd) ** 2
        mel_power = power_even @ self.filters_even + power_odd @ self.filters_odd
        return torch.log(torch.clamp(mel_power, min=self.settings.power_floor)).float()

    def _frames(self, waveform: Tensor) -> Tensor:
        """Overlapping frames [batch, frames, frame_samples], by laying whole hops side by side."""
        hop = self.settings.hop_samples
        overlap = self.settings.frame_samples // hop
        hops = waveform.shape[1] // hop
        blocks = waveform[:, : hops * hop].reshape(waveform.shape[0], -1, hop)
        return torch.cat([blocks[:, i : hops - overlap + 1 + i] for i in range(overlap)], dim=-1)


def _mirrored(values: Tensor) -> Tensor:
    return torch.flip(values, dims=[-1])


def _folded(values: Tensor, quarter: int, sign: int) -> Tensor:
    """values[n] + sign · values[N/2 - n] for n = 0 … N/4."""
    return values[..., : quarter + 1] + sign * _mirrored(values[..., quarter:])


def _mel_filterbank(settings: MelSettings) -> npt.NDArray[np.float32]:
    """Triangular filters of Slaney's mel scale, each of unit area.

    Returns float32, shape (bands, frame_samples // 2 + 1).
    Source: Slaney's Auditory Toolbox, as implemented by librosa.
    """
    triangles: npt.NDArray[np.float32] = mel(
        sr=SAMPLE_RATE_HZ,
        n_fft=settings.frame_samples,
        n_mels=settings.bands,
        fmin=settings.lowest_hz,
        fmax=settings.highest_hz,
    )
    return triangles
