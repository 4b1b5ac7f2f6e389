"""The picture of a recording: drawn in the background process, as long as the recording is kept."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

from signalcraft.audio.bands import BANDS
from signalcraft.audio.decode import Clip
from signalcraft.audio.facts import ClipFacts
from signalcraft.clips import collection
from signalcraft.diagnosis.normal_spectrum import NormalSpectrum
from signalcraft.diagnosis.picture import draw
from signalcraft.diagnosis.picture_request import PictureRequest
from signalcraft.settings import ClipSettings
from tests.diagnosis.test_routes import PATH, sample

MARK, NORMAL = (240, 120, 20), (40, 90, 160)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image.convert("RGB")


def colours(image: Image.Image) -> set[tuple[int, int, int]]:
    return {colour for _, colour in image.getcolors(maxcolors=image.width * image.height)}


async def address(sensor, state: str = "bearing") -> str:
    diagnosis = (await sensor.post(PATH, files={"audio": sample(state).read_bytes()})).json()
    return f"/api/diagnoses/{diagnosis['diagnosis_id']}"


async def test_a_recording_is_shown_beside_normal_with_its_differing_bands(sensor, another_sensor):
    path = f"{await address(sensor)}/spectrogram.png"
    answer = await sensor.get(path)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    image = opened(answer.content)
    assert image.size == (1080, 540)
    assert {MARK, NORMAL} <= colours(image)
    assert (await sensor.get(path)).content == answer.content
    assert (await another_sensor.get(path)).status_code == 404


async def test_there_is_no_picture_once_the_recording_is_gone(sensor, client, database):
    path = await address(sensor)
    assert (await sensor.get(f"{path}/spectrogram.png")).status_code == 200
    async with database.session() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE clips SET stored_at = now() - interval '2 days'")
    await collection.apply_rules(database, client.app.state.clips, ClipSettings(days=1))

    answer = await sensor.get(f"{path}/spectrogram.png")

    assert (answer.status_code, answer.json()["code"]) == (404, "clip_not_kept")
    assert (await sensor.get(path)).status_code == 200


async def test_pictures_are_drawn_a_few_at_a_time(sensor):
    paths = [await address(sensor) for _ in range(8)]
    answers = await asyncio.gather(*(sensor.get(f"{path}/spectrogram.png") for path in paths))

    assert {answer.status_code for answer in answers} == {200, 503}
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert (busy.json()["code"], "Retry-After" in busy.headers) == ("analysis_busy", True)


@pytest.mark.parametrize("duration_s", [0.5, 3, 60])
@pytest.mark.parametrize("normal", [None, NormalSpectrum((0.0,) * BANDS, (1.0,) * BANDS)])
def test_any_recording_can_be_drawn(duration_s, normal):
    waveform = np.random.default_rng(0).normal(0, 0.1, int(16_000 * duration_s)).astype(np.float32)
    waveform[: waveform.size // 2] = 0
    request = PictureRequest(
        "a device: normal",
        "recorded then",
        "its own normal",
        normal,
        ((45.0, 7079.0, -3.0),),
        (0.0, duration_s),
    )

    png = draw(
        Clip(waveform, ClipFacts(duration_s, 16_000, 1, -1.0)), PictureRequest.from_json(request.to_json())
    )

    assert (NORMAL in colours(opened(png))) is (normal is not None)
