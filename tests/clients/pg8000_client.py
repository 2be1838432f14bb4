"""pg8000: a driver without libpq; its own types, native and DB-API forms."""

import datetime
import decimal
import os
import urllib.parse

import pg8000.dbapi
import pg8000.native

url = urllib.parse.urlparse(os.environ["FLOWFORGE_URL"])
login = dict(user=url.username, password=url.password, host=url.hostname, port=url.port, database=url.path[1:])

native = pg8000.native.Connection(**login)
assert native.run("SELECT :a::int4 + 1, :b", a=41, b="it's") == [[42, "it's"]]
assert native.run("SELECT ARRAY[1, NULL], 1.50::numeric(10, 2), DATE '2025-05-30', true, NULL, '{\"a\": 1}'::jsonb") == [
    [[1, None], decimal.Decimal("1.50"), datetime.date(2025, 5, 30), True, None, {"a": 1}]
]
assert native.run("SELECT :a::int4[], :b::text[]", a=[1, None], b=["x", "a,b"]) == [[[1, None], ["x", "a,b"]]]
assert [column["name"] for column in native.columns] == ["int4", "text"]
statement = native.prepare("SELECT count(*) FROM dim_instruments WHERE symbol = :symbol")
assert statement.run(symbol="AAPL") == [[1]]
statement.close()
try:
    native.run("SELECT nope")
except pg8000.native.DatabaseError as error:
    assert error.args[0]["C"] == "42703" and error.args[0]["P"] == "8", error
else:
    raise AssertionError("no error")
native.close()

connection = pg8000.dbapi.connect(**login)
cursor = connection.cursor()
cursor.execute("SELECT symbol, lot_size FROM dim_instruments WHERE symbol IN (%s, %s) ORDER BY 1", ("AAPL", "GS"))
assert [row[0] for row in cursor.fetchall()] == ["AAPL", "GS"]
try:
    cursor.execute("INSERT INTO dim_instruments VALUES (%s)", ("x",))
except pg8000.dbapi.DatabaseError as error:
    assert error.args[0]["C"] == "25006", error
connection.rollback()
cursor.execute("SELECT 1")
assert cursor.fetchone() == [1]
connection.close()
print("ok")
