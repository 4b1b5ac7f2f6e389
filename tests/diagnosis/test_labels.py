"""An engineer's word on a recording: kept, shown, and learnt from."""

import asyncio

import pytest
import soundfile

from signalcraft.cli.labelled import export_labelled
from signalcraft.clips import collection
from signalcraft.ml.corpus import Corpus
from signalcraft.settings import ClipSettings, get_settings
from tests.diagnosis.test_routes import PATH, sample


async def judged(sensor, state: str = "bearing") -> dict:
    return (await sensor.post(PATH, files={"audio": sample(state).read_bytes()})).json()


async def test_the_last_word_holds_and_all_are_kept(sensor):
    diagnosis = await judged(sensor)
    address = f"/api/diagnoses/{diagnosis['diagnosis_id']}"
    assert diagnosis["label"] is None
    assert (await sensor.get(f"{address}/label")).json()["current"] is None

    await sensor.post(f"{address}/label", json={"label": "anomalous"})
    answer = await sensor.post(
        f"{address}/label", json={"label": "flywheel", "by": "M. Kim", "note": "Loose on its shaft."}
    )

    assert answer.status_code == 200, answer.text
    history = answer.json()
    assert history["clip_is_kept"]
    assert history["current"] == history["history"][0]
    assert (history["current"]["label"], history["current"]["by"]) == ("flywheel", "M. Kim")
    # Where nobody is named it is the caller's word.
    assert [(label["label"], label["by"]) for label in history["history"]] == [
        ("flywheel", "M. Kim"),
        ("anomalous", "sensor-1"),
    ]
    assert (await sensor.get(f"{address}/label")).json() == history
    assert (await sensor.get(address)).json()["label"] == "flywheel"
    assert (await sensor.get("/api/diagnoses")).json()["data"][0]["label"] == "flywheel"


async def test_a_labelled_clip_outlives_the_others(sensor, client, database):
    labelled, other = await judged(sensor, "bearing"), await judged(sensor, "healthy")
    await sensor.post(f"/api/diagnoses/{labelled['diagnosis_id']}/label", json={"label": "bearing"})
    async with database.session() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE clips SET stored_at = now() - interval '2 days'")

    await collection.apply_rules(database, client.app.state.clips, ClipSettings(days=1))

    for diagnosis, is_kept in ((labelled, True), (other, False)):
        seen = (await sensor.get(f"/api/diagnoses/{diagnosis['diagnosis_id']}")).json()
        assert seen["clip"]["is_kept"] is is_kept
    late = await sensor.post(f"/api/diagnoses/{other['diagnosis_id']}/label", json={"label": "normal"})
    assert not late.json()["clip_is_kept"]


async def test_only_who_may_see_a_diagnosis_labels_it(sensor, another_sensor):
    diagnosis = await judged(sensor)

    answer = await another_sensor.post(
        f"/api/diagnoses/{diagnosis['diagnosis_id']}/label", json={"label": "normal"}
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "diagnosis_unknown")


@pytest.mark.parametrize(
    "given",
    [{}, {"label": ""}, {"label": "Big Bearing"}, {"label": "../../etc"}, {"label": "normal", "by": ""},
     {"label": "normal", "note": "x" * 1001}, {"label": "normal", "note": "\0"}, {"label": "normal", "more": 1}],
)  # fmt: skip
async def test_what_is_no_label_is_refused(sensor, given):
    diagnosis = await judged(sensor)

    answer = await sensor.post(f"/api/diagnoses/{diagnosis['diagnosis_id']}/label", json=given)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text


async def test_no_diagnosis_is_labelled_without_end(sensor):
    diagnosis = await judged(sensor)
    address = f"/api/diagnoses/{diagnosis['diagnosis_id']}/label"
    for _ in range(100):
        await sensor.post(address, json={"label": "normal"})

    full = await sensor.post(address, json={"label": "normal"})

    assert (full.status_code, full.json()["code"]) == (409, "labels_full")


async def test_training_learns_from_labelled_clips_alone(
    sensor, settings, database_url, monkeypatch, tmp_path
):
    words = {"bearing": "bearing", "healthy": "normal", "flywheel": "anomalous", "piston_ring": "unknown"}
    for state, word in words.items():
        diagnosis = await judged(sensor, state)
        await sensor.post(f"/api/diagnoses/{diagnosis['diagnosis_id']}/label", json={"label": word})
    await judged(sensor, "rider_belt")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SIGNALCRAFT_DATA_DIR", str(settings.data_dir))
    get_settings.cache_clear()

    exported = await asyncio.to_thread(export_labelled, tmp_path / "labelled")

    get_settings.cache_clear()
    assert exported.by_state == {"bearing": 1, "healthy": 1, "unknown": 1}
    assert exported.without_state == 1
    for folder in ("train", "validation", "background"):
        spare = tmp_path / "corpus" / folder / "healthy"
        spare.mkdir(parents=True)
        (spare / "clip_1.flac").symlink_to(sample("healthy"))
    without = Corpus.read(tmp_path / "corpus", tmp_path / "corpus" / "background")
    corpus = Corpus.read(tmp_path / "corpus", tmp_path / "corpus" / "background", tmp_path / "labelled")
    assert [clip.state for clip in corpus.fitted[len(without.fitted) :]] == ["bearing", "healthy"]
    assert [noise.kind for noise in corpus.noises.training[len(without.noises.training) :]] == ["unknown"]
    assert (corpus.calibration, corpus.noises.calibration) == ([], [])
    heard, _ = soundfile.read(sample("bearing"), dtype="float32")
    assert len(corpus.fitted[-2].waveform) == len(heard)
