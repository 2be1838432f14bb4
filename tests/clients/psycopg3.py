"""psycopg 3: parameters in text and binary, server-side cursors, pipelines, cancel, errors."""

import datetime
import decimal
import os
import threading
import time
import uuid

import psycopg

URL = os.environ["FLOWFORGE_URL"]

with psycopg.connect(URL) as connection:
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            cursor.execute("SELECT 1, 2::int8, 1.5::float8, 'x', true, NULL::text")
            assert cursor.fetchone() == (1, 2, 1.5, "x", True, None)
            cursor.execute(
                "SELECT DATE '2025-05-30', TIMESTAMP '2025-05-30 10:20:30.5', TIMESTAMPTZ '2025-05-30 10:00+00',"
                " 12.50::numeric(10, 2), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, TIME '10:20'"
            )
            assert cursor.fetchone() == (
                datetime.date(2025, 5, 30),
                datetime.datetime(2025, 5, 30, 10, 20, 30, 500000),
                datetime.datetime(2025, 5, 30, 10, tzinfo=datetime.timezone.utc),
                decimal.Decimal("12.50"),
                uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                datetime.time(10, 20),
            )
            cursor.execute("SELECT ARRAY[1, 2, NULL], '{\"a\": 1}'::jsonb, '\\x00ff'::bytea")
            assert cursor.fetchone() == ([1, 2, None], {"a": 1}, b"\x00\xff")
            kind = "%b" if binary else "%t"
            cursor.execute(f"SELECT count(*) FROM dim_instruments WHERE symbol = {kind}", ("AAPL",))
            assert cursor.fetchone() == (1,)
            cursor.execute(f"SELECT {kind}::int4 + 1, {kind}::date, {kind}::float8", (41, datetime.date(2025, 1, 2), 0.5))
            assert cursor.fetchone() == (42, datetime.date(2025, 1, 2), 0.5)
    arrays = {
        "bool": [True, None, False],
        "int4": [1, None, 3],
        "int8": [2**40, None],
        "float8": [1.5, None],
        "numeric": [decimal.Decimal("1.50"), None],
        "text": ["käse", None, "", "a,b", "NULL"],
        "date": [datetime.date(2025, 5, 30), None],
        "timestamp": [datetime.datetime(2025, 5, 30, 10, 20), None],
        "timestamptz": [datetime.datetime(2025, 5, 30, 10, tzinfo=datetime.timezone.utc), None],
        "uuid": [uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), None],
    }
    for kind, values in arrays.items():
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                given = "%b" if binary else "%t"
                cursor.execute(f"SELECT {given}::{kind}[], {given}::{kind} = ANY({given}::{kind}[])", (values, values[0], values))
                assert cursor.fetchone() == (values, True), (kind, binary)
    with connection.cursor() as cursor, cursor.copy("COPY (SELECT n, 'x' || n FROM generate_series(1, 3) AS t(n)) TO STDOUT") as copy:
        copy.set_types(["int4", "text"])
        assert list(copy.rows()) == [(1, "x1"), (2, "x2"), (3, "x3")]
    with connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT 1::int8, NULL::text, 1.5::float8) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "float8"])
            assert list(copy.rows()) == [(1, None, 1.5)]
    # The same statement often enough that the driver prepares it.
    for number in range(12):
        assert connection.execute("SELECT %s::int4 * 2", (number,)).fetchone() == (number * 2,)
    connection.rollback()

    with connection.cursor(name="batches") as cursor:
        cursor.execute("SELECT trade_id FROM raw_trades WHERE price > %s ORDER BY trade_id", (0,))
        first = cursor.fetchmany(10)
        assert len(first) == 10
        assert cursor.fetchone()[0] > first[-1][0]
        assert len(cursor.fetchmany(500)) == 500
    with connection.cursor(name="scrolled", scrollable=True) as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 20) AS t(n)")
        assert [row[0] for row in cursor.fetchmany(3)] == [1, 2, 3]
        cursor.scroll(-2)
        assert cursor.fetchone() == (2,)
        cursor.scroll(10, mode="absolute")
        assert cursor.fetchone() == (11,)
    with connection.cursor(name="held", withhold=True) as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 3) AS t(n)")
        connection.commit()
        assert len(cursor.fetchall()) == 3
    connection.commit()

    with connection.pipeline():
        answers = [connection.execute("SELECT %s::int4", (number,)) for number in range(5)]
    assert [answer.fetchone()[0] for answer in answers] == list(range(5))

    try:
        connection.execute("SELECT nope FROM dim_instruments")
    except psycopg.errors.UndefinedColumn as error:
        assert error.sqlstate == "42703" and error.diag.statement_position == "8", error.diag.statement_position
    else:
        raise AssertionError("no error")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    connection.rollback()
    try:
        with connection.transaction():
            connection.execute("SELECT 1")
            try:
                with connection.transaction():
                    connection.execute("SELECT 1 / 0")
            except psycopg.errors.DivisionByZero:
                pass
            assert connection.execute("SELECT 2").fetchone() == (2,)
            connection.execute("INSERT INTO dim_instruments VALUES ('x')")
    except psycopg.errors.ReadOnlySqlTransaction:
        pass
    else:
        raise AssertionError("a write went through")

    def cancel():
        time.sleep(0.3)
        connection.cancel_safe()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        connection.execute("SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask")
    except psycopg.errors.QueryCanceled:
        pass
    else:
        raise AssertionError("not cancelled")
    canceller.join()
    connection.rollback()
    connection.read_only = False
    try:
        connection.execute("SELECT 1")
    except psycopg.errors.FeatureNotSupported as error:
        assert "read-write" in str(error)
    else:
        raise AssertionError("a transaction that writes began")
    connection.rollback()
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.read_only = True
    assert connection.execute("SHOW transaction_isolation").fetchone() == ("serializable",)
    connection.rollback()
print("ok")
