"""psycopg2: client-side parameters, named cursors, errors, autocommit and savepoints."""

import datetime
import os

import psycopg2
import psycopg2.extras
from psycopg2 import errors

connection = psycopg2.connect(os.environ["FLOWFORGE_URL"])
connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
cursor = connection.cursor()
cursor.execute("SELECT %s, %s, %s::date, %s", (1, "it's", datetime.date(2025, 5, 30), [1, 2]))
assert cursor.fetchone() == (1, "it's", datetime.date(2025, 5, 30), [1, 2])
cursor.execute("SELECT count(*) FROM dim_instruments WHERE symbol IN %s", (("AAPL", "GS"),))
assert cursor.fetchone() == (2,)
cursor.execute("SHOW transaction_isolation")
assert cursor.fetchone() == ("repeatable read",)
connection.commit()

named = connection.cursor(name="many")
named.itersize = 100
named.execute("SELECT trade_id FROM raw_trades ORDER BY trade_id")
assert sum(1 for _, row in zip(range(350), named)) == 350
named.close()
connection.commit()

with connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as rows:
    rows.execute("SELECT symbol, lot_size FROM dim_instruments ORDER BY symbol LIMIT 1")
    assert rows.fetchone()["symbol"] == "AAPL"
    cursor.execute("SAVEPOINT a")
    try:
        cursor.execute("SELECT * FROM nowhere")
    except errors.UndefinedTable as error:
        assert error.pgcode == "42P01"
    cursor.execute("ROLLBACK TO SAVEPOINT a")
    cursor.execute("SELECT 1")
connection.rollback()
connection.autocommit = True
cursor.execute("SELECT version()")
assert cursor.fetchone()[0].startswith("PostgreSQL 15")
connection.close()
print("ok")
