"""Recordings are read, and parted, so that no part knows another."""

import numpy as np
import pytest
import soundfile

from signalcraft.ml.batches import AugmentationSettings, TrainingBatches
from signalcraft.ml.corpus import Corpus, clips_up_to, corpus_hash, split_noises
from signalcraft.ml.recordings import CorpusUnusable, read_clips, read_noises


def write(path, *, seconds=1.0, rate=16_000, channels=1, level=0.1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (int(seconds * rate), channels) if channels > 1 else int(seconds * rate)
    soundfile.write(path, level * np.random.default_rng(seed).standard_normal(shape), rate)


@pytest.fixture
def recordings(tmp_path):
    """Two states of 150 + 3 readings, and 16 noise takes of two slices each."""
    for state, seed in (("healthy", 1000), ("bearing", 2000)):
        for number in (1, 2, 134, 135, 136, 150):
            write(tmp_path / f"machine/train/{state}/reading_{number:03d}.flac", seed=seed + number)
        for number in (151, 175):
            write(tmp_path / f"machine/validation/{state}/reading_{number:03d}.flac", seed=seed + number)
    for take in range(16):
        for piece in "AB":
            write(tmp_path / f"noise/rain/1-{take:04d}-{piece}.flac", seed=take * 2 + ord(piece))
    return tmp_path


def test_clips_part_by_reading_number(recordings):
    early, late = clips_up_to(read_clips(recordings / "machine/train"), 135)

    assert {clip.reading for clip in early} == {1, 2, 134, 135}
    assert {clip.reading for clip in late} == {136, 150}
    assert {clip.state for clip in late} == {"healthy", "bearing"}


def test_no_take_of_a_noise_is_in_two_parts(recordings):
    parts = split_noises(read_noises(recordings / "noise"))
    sources = [
        {noise.source for noise in part} for part in (parts.training, parts.calibration, parts.validation)
    ]

    assert [len(part) for part in sources] == [10, 2, 4]
    assert len(set.union(*sources)) == 16
    assert all("A" not in source and "B" not in source for part in sources for source in part)


def test_a_corpus_has_no_validation_reading_in_training(recordings):
    corpus = Corpus.read(recordings / "machine", recordings / "noise")

    assert {clip.reading for clip in corpus.validation} == {151, 175}
    assert max(clip.reading for clip in [*corpus.fitted, *corpus.calibration]) == 150


def test_a_silent_cable_is_left_out(recordings):
    write(recordings / "machine/train/bearing/reading_003.flac", level=1e-4)

    assert 3 not in {clip.reading for clip in read_clips(recordings / "machine/train")}


@pytest.mark.parametrize("wrong", [{"rate": 44_100}, {"channels": 2}])
def test_a_recording_of_another_form_is_refused_by_name(recordings, wrong):
    write(recordings / "machine/train/bearing/reading_009.flac", **wrong)

    with pytest.raises(CorpusUnusable, match=r"reading_009\.flac is not mono at 16000 Hz"):
        read_clips(recordings / "machine/train")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(CorpusUnusable, match="holds no recordings"):
        read_clips(tmp_path)
    with pytest.raises(CorpusUnusable, match="holds no recordings"):
        read_noises(tmp_path)


def test_the_hash_knows_the_recordings_but_not_where_they_stand(recordings, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    before = corpus_hash(read_clips(recordings / "machine/train"))
    (recordings / "machine/train").rename(elsewhere)
    assert corpus_hash(read_clips(elsewhere)) == before

    write(elsewhere / "bearing/reading_001.flac", seed=99)
    assert corpus_hash(read_clips(elsewhere)) != before


def test_batches_come_again_with_their_seed_and_hold_every_state_as_often(recordings):
    corpus = Corpus.read(recordings / "machine", recordings / "noise")
    settings = AugmentationSettings(batch_clips=20, other_share=0.2)

    def batches(seed):
        stream = TrainingBatches(corpus.fitted, corpus.noises.training, settings, seed)
        return [stream.batch(step) for step in range(3)]

    for (waveforms, labels), (again, labels_again) in zip(batches(7), batches(7), strict=True):
        np.testing.assert_array_equal(waveforms, again)
        np.testing.assert_array_equal(labels, labels_again)
        assert np.bincount(labels).tolist() == [8, 8, 4]
        assert waveforms.dtype == np.float32
        assert np.abs(waveforms).max() <= 1
        assert 0.5 <= waveforms.shape[1] / 16_000 <= 3.0
    assert not np.array_equal(batches(7)[0][0][:, :100], batches(8)[0][0][:, :100])
