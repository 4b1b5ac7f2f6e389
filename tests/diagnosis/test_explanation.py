"""What differs from normal, in which bands, and by how much."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.audio.bands import BAND_EDGES_HZ, BANDS
from signalcraft.audio.spectrum import third_octaves_dbfs
from signalcraft.core.language import Language
from signalcraft.diagnosis import wording
from signalcraft.diagnosis.card import ModelCard
from signalcraft.diagnosis.explanation import Compared, explain
from signalcraft.diagnosis.judgement import Verdict
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum
from tests.registry.conftest import SHIPPED

FLAT = NormalSpectrum((0.0,) * BANDS, (1.0,) * BANDS)


def found(spectrum, normal=FLAT, verdict=Verdict.ANOMALOUS):
    return explain(verdict, spectrum, normal, Compared.DEVICE)


def test_a_tone_lies_in_its_band_with_its_power():
    times_s = np.arange(48_000) / 16_000
    for band in (4, 10, 13, 20):
        centre_hz = (BAND_EDGES_HZ[band] * BAND_EDGES_HZ[band + 1]) ** 0.5
        levels = third_octaves_dbfs(np.sin(2 * np.pi * centre_hz * times_s).astype(np.float32))
        assert levels.argmax() == band
        # A sine has half the power of a square wave.
        assert levels[band] == pytest.approx(-3.01, abs=0.2)


def test_noise_of_one_power_adds_up_to_it():
    noise = np.random.default_rng(1).normal(0, 0.1, 160_000).astype(np.float32)
    total = 10 * np.log10(np.sum(10 ** (third_octaves_dbfs(noise) / 10)))
    # The bands reach from 45 Hz to 7079 Hz of 8 kHz.
    assert total == pytest.approx(-20 + 10 * np.log10((7079 - 45) / 8000), abs=0.1)


def test_neighbouring_bands_are_told_as_one_and_the_most_striking_first():
    spectrum = [0.0] * BANDS
    spectrum[3:5] = [4.0, 6.0]
    spectrum[10] = -12.0

    first, second = found(spectrum).bands

    assert (first.from_hz, first.to_hz, first.difference_db) == (447, 562, -12.0)
    assert (second.from_hz, second.to_hz, second.difference_db) == (89, 141, 5.0)


@given(st.floats(-60, 30))
def test_loudness_alone_is_no_difference(gain_db):
    assert found([gain_db] * BANDS).bands == ()


def test_what_is_usual_for_this_machine_is_no_difference():
    spectrum = [0.0] * (BANDS - 1) + [6.0]
    assert found(spectrum).bands
    assert not found(spectrum, NormalSpectrum((0.0,) * BANDS, (2.5,) * BANDS)).bands


def test_at_most_three_are_told():
    assert len(found([10.0 if band % 4 == 0 else 0.0 for band in range(BANDS)]).bands) == 3


def test_where_nothing_can_be_said_it_says_so():
    assert found([0.0] * BANDS, verdict=Verdict.UNKNOWN).compared_with is Compared.UNKNOWN_SOUND
    assert found([0.0] * BANDS, normal=None).compared_with is Compared.NO_REFERENCE


def test_normal_is_learnt_from_clips_of_any_loudness():
    normal = NormalSpectrum.of([[gain + band % 3 for band in range(BANDS)] for gain in (-40, -20, 0, 1, 5)])
    assert set(normal.spread_db) == {0.0}
    assert normal.mean_db[:3] == (-1.0, 0.0, 1.0)


def test_the_shipped_card_knows_the_healthy_spectrum():
    assert ModelCard.read(SHIPPED.with_suffix(".json")).normal is not None


def test_each_state_of_the_shipped_model_has_its_advice_in_both_languages():
    card = ModelCard.read(SHIPPED.with_suffix(".json"))
    for language in Language:
        advice = {
            wording.action(language, Verdict.ANOMALOUS, state)
            for state in card.classes
            if state not in {card.normal_state, "other"}
        }
        assert len(advice) == 7
        assert wording.action(language, Verdict.ANOMALOUS, "a new fault") not in advice
