"""Look-ups that share a statement."""

import asyncio

import asyncpg
import pytest

from signalcraft.core.errors import DatabaseUnavailable, SignalCraftError
from signalcraft.core.grouped_lookup import GroupedLookup
from signalcraft.settings import DatabaseSettings

FIND = """
    SELECT digest, length(digest) AS bytes, count(*) OVER () AS together, pg_backend_pid() AS server
    FROM unnest($1::bytea[]) AS digest WHERE digest <> ''
"""


@pytest.fixture
async def lookup(database_url):
    lookup = GroupedLookup(database_url, DatabaseSettings(), FIND)
    yield lookup
    await lookup.close()


async def test_each_gets_its_own_row_and_nothing_where_there_is_none(lookup):
    found = await asyncio.gather(*(lookup.find(b"x" * length) for length in range(4)))

    assert [row and row["bytes"] for row in found] == [None, 1, 2, 3]


async def test_those_that_wait_share_one_statement(lookup):
    first = asyncio.create_task(lookup.find(b"first"))
    await asyncio.sleep(0)
    rows = await asyncio.gather(*(lookup.find(b"x" * length) for length in range(1, 101)))

    assert (await first)["together"] == 1
    assert {row["together"] for row in rows} == {100}


async def test_one_whose_client_goes_leaves_the_others_their_answers(lookup):
    gone = asyncio.create_task(lookup.find(b"gone"))
    stays = asyncio.create_task(lookup.find(b"stays"))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays)["bytes"] == 5


async def test_a_connection_that_was_lost_meanwhile_is_made_anew(lookup, database_url):
    server = (await lookup.find(b"x"))["server"]
    other = await asyncpg.connect(database_url)
    await other.execute("SELECT pg_terminate_backend($1)", server)
    await other.close()

    assert (await lookup.find(b"x"))["server"] != server


async def test_without_a_database_everybody_is_told_so():
    lookup = GroupedLookup("postgresql://nobody@127.0.0.1:1/none", DatabaseSettings(), FIND)

    told = await asyncio.gather(*(lookup.find(b"x") for _ in range(3)), return_exceptions=True)

    assert [type(error) for error in told] == [DatabaseUnavailable] * 3


async def test_a_statement_that_is_wrong_is_told_to_whoever_asked(database_url):
    lookup = GroupedLookup(database_url, DatabaseSettings(), "SELECT nothing, $1::bytea[]")
    with pytest.raises(SignalCraftError) as told:
        await lookup.find(b"x")
    assert isinstance(told.value.__cause__, asyncpg.UndefinedColumnError)
    await lookup.close()


async def test_whoever_still_waits_at_the_end_is_told(lookup):
    waiting = asyncio.create_task(lookup.find(b"x"))
    await asyncio.sleep(0)
    await lookup.close()

    with pytest.raises(DatabaseUnavailable):
        await waiting
