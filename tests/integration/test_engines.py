from __future__ import annotations

import asyncpg
import redis.asyncio


async def test_a_fresh_database_answers(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()


async def test_valkey_answers(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.ping()
