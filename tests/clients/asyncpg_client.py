"""asyncpg: everything in binary, cursors in a transaction, errors, reset."""

import asyncio
import datetime
import decimal
import os
import uuid

import asyncpg

UTC = datetime.timezone.utc
ARRAYS = {
    "bool": [True, None, False],
    "int2": [-1, None],
    "int4": [1, None, 3],
    "int8": [2**40, -(2**40), None],
    "float4": [1.5, None],
    "float8": [1e300, None],
    "numeric": [decimal.Decimal("1.50"), None, decimal.Decimal("-12345678901234567890.123")],
    "text": ["käse", None, "", "a,b", "NULL"],
    "varchar": ["x", None],
    "date": [datetime.date(2025, 5, 30), None],
    "time": [datetime.time(10, 20), None],
    "timestamp": [datetime.datetime(2025, 5, 30, 10, 20, 30, 500000), None],
    "timestamptz": [datetime.datetime(2025, 5, 30, 10, tzinfo=UTC), None],
    "interval": [datetime.timedelta(days=1, hours=2), None],
    "uuid": [uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), None],
    "bytea": [b"\x00\xff", None],
}


async def main():
    connection = await asyncpg.connect(os.environ["FLOWFORGE_URL"])
    row = await connection.fetchrow(
        "SELECT $1::int4 + 1 AS n, $2::text AS t, $3::date AS d, $4::float8 AS f, $5::numeric(10, 2) AS m",
        41, "käse", datetime.date(2025, 5, 30), 1.5, decimal.Decimal("2.50"),
    )
    assert tuple(row) == (42, "käse", datetime.date(2025, 5, 30), 1.5, decimal.Decimal("2.50"))
    # The driver looks the types of arrays up with a recursive query whose inner part reads an outer column.
    for kind, values in ARRAYS.items():
        assert await connection.fetchval(f"SELECT $1::{kind}[]", values) == values, kind
        assert await connection.fetchval(f"SELECT $1::{kind}[]", []) == [], kind
        assert await connection.fetchval(f"SELECT $1::{kind}[]", None) is None, kind
        if kind != "interval":  # Known to be refused.
            assert await connection.fetchval(f"SELECT $1 = ANY($2::{kind}[])", values[0], values), kind
    assert await connection.fetchval("SELECT count(*) FROM dim_instruments WHERE symbol = ANY($1::text[])", ["AAPL", "GS"]) == 2
    row = await connection.fetchrow("SELECT TIMESTAMPTZ '2025-05-30 10:00+00', INTERVAL '1 day 02:00', NULL::int8, true")
    assert row[0] == datetime.datetime(2025, 5, 30, 10, tzinfo=datetime.timezone.utc)
    assert row[1] == datetime.timedelta(days=1, hours=2)
    async with connection.transaction():
        count = 0
        async for _ in connection.cursor("SELECT trade_id FROM raw_trades ORDER BY trade_id", prefetch=100):
            count += 1
            if count == 350:
                break
        cursor = await connection.cursor("SELECT n FROM generate_series(1, 10) AS t(n)")
        assert [record[0] for record in await cursor.fetch(4)] == [1, 2, 3, 4]
        await cursor.forward(2)
        assert (await cursor.fetchrow())[0] == 7
        try:
            async with connection.transaction():
                await connection.fetch("SELECT nope")
        except asyncpg.UndefinedColumnError as error:
            assert error.sqlstate == "42703"
        assert await connection.fetchval("SELECT 1") == 1
    prepared = await connection.prepare("SELECT symbol, lot_size FROM dim_instruments WHERE symbol = $1")
    assert [attribute.name for attribute in prepared.get_attributes()] == ["symbol", "lot_size"]
    assert (await prepared.fetchrow("AAPL"))["symbol"] == "AAPL"
    try:
        await connection.fetch(
            "SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask", timeout=0.5
        )
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("not cancelled")
    assert await connection.fetchval("SELECT 2") == 2
    rows = await connection.fetch("SELECT symbol, array_agg(lot_size ORDER BY lot_size) AS lots FROM dim_instruments GROUP BY 1 ORDER BY 1")
    assert rows[0]["symbol"] == "AAPL" and rows[0]["lots"] == [100], rows[0]
    written = []

    async def write(data):
        written.append(data)

    await connection.copy_from_query("SELECT n, n * n FROM generate_series(1, 3) AS t(n)", output=write, format="csv", header=True)
    assert b"".join(written).splitlines()[1:] == [b"1,1", b"2,4", b"3,9"], written
    await connection.close()
    pool = await asyncpg.create_pool(os.environ["FLOWFORGE_URL"], min_size=1, max_size=2)
    for _ in range(3):
        async with pool.acquire() as one:
            assert await one.fetchval("SELECT current_user") == "acme"
    await pool.close()


asyncio.run(main())
print("ok")
