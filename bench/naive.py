"""What one would write first: a FastAPI route that inserts each reading by itself. No token, no duplicates."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel

INSERT = "INSERT INTO naive_readings VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
CREATE = """
    CREATE TABLE IF NOT EXISTS naive_readings (
        device_id text, ts timestamptz, temperature_c float8, vibration_x_g float8, vibration_y_g float8,
        vibration_z_g float8, power_percent float8, audio_level float8, sensor_quality float8,
        PRIMARY KEY (device_id, ts)
    )
"""


class Vibration(BaseModel):
    x: float
    y: float
    z: float


class Reading(BaseModel):
    device_id: str
    timestamp: float
    temperature: float
    vibration: Vibration
    power_consumption: float
    audio_level: float
    sensor_quality: float | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict:
    return {}


@app.post("/readings")
async def post_reading(reading: Reading) -> dict:
    await app.state.pool.execute(
        INSERT,
        reading.device_id,
        datetime.fromtimestamp(reading.timestamp, UTC),
        reading.temperature,
        reading.vibration.x,
        reading.vibration.y,
        reading.vibration.z,
        reading.power_consumption,
        reading.audio_level,
        reading.sensor_quality,
    )
    return {"success": True}
