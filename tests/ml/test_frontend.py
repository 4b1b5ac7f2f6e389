"""The front end as it is trained: equal to librosa's whatever the settings."""

import numpy as np
import pytest

from signalcraft.ml.mel import MelSettings

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'signalcraft[train]'")

from signalcraft.ml.frontend import LogMel  # noqa: E402 – only where torch is


@pytest.mark.parametrize(
    "settings",
    [
        MelSettings(),
        MelSettings(bands=40, frame_samples=512, hop_samples=128),
        MelSettings(bands=96, frame_samples=2048, lowest_hz=20, highest_hz=4000),
    ],
)
@pytest.mark.parametrize("samples", [8_000, 20_001, 48_000])
def test_it_equals_librosa(librosa_log_mel, settings, samples):
    rng = np.random.default_rng(samples)
    waveform = (0.1 * rng.standard_normal(samples) * np.sin(np.arange(samples) / 900)).astype(np.float32)

    ours = LogMel(settings)(torch.from_numpy(waveform)[None])[0].numpy()

    assert ours.shape == (settings.frames(samples), settings.bands)
    np.testing.assert_allclose(ours, librosa_log_mel(waveform, settings), atol=1e-4, rtol=0)
