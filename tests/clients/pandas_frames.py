"""pandas through SQLAlchemy: whole frames, in pieces, with parameters, by the name of a table."""

import os

import pandas as pd
import sqlalchemy as sa

for driver in ("psycopg", "psycopg2", "pg8000"):
    engine = sa.create_engine(os.environ["FLOWFORGE_URL"].replace("postgresql://", f"postgresql+{driver}://"))
    with engine.connect() as connection:
        query = "SELECT symbol, count(*) AS n, sum(notional) AS total, max(event_time) AS last FROM raw_trades GROUP BY 1 ORDER BY 1"
        frame = pd.read_sql(sa.text(query), connection)
        assert list(frame.columns) == ["symbol", "n", "total", "last"] and len(frame) > 0
        assert frame["n"].sum() > 0 and str(frame["last"].dtype).startswith("datetime64"), frame.dtypes
        some = pd.read_sql(sa.text("SELECT * FROM dim_instruments WHERE symbol = :symbol"), connection, params={"symbol": "AAPL"})
        assert some.iloc[0]["symbol"] == "AAPL"
        table = pd.read_sql_table("dim_instruments", connection, schema="marts", index_col="symbol")
        assert table.loc["AAPL", "lot_size"] == 100
        pieces = list(pd.read_sql(sa.text("SELECT trade_id FROM raw_trades LIMIT 250"), connection, chunksize=100))
        assert [len(piece) for piece in pieces] == [100, 100, 50]
    engine.dispose()
print("ok")
