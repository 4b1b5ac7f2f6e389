"""A bare FastAPI route that finds one row by an index, as one would first write the check of a session."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException

FIND = "SELECT user_id, expires_at FROM sessions WHERE digest = $1"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict:
    return {}


@app.get("/lookup/{token}")
async def look_up(token: str) -> dict:
    row = await app.state.pool.fetchrow(FIND, hashlib.sha256(token.encode()).digest())
    if row is None:
        raise HTTPException(401)
    return {"user_id": row["user_id"], "expires_at": row["expires_at"]}
