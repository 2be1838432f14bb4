"""SQLAlchemy's inspector: the questions that BI tools ask the catalogs when they connect."""

import os

import sqlalchemy as sa

for driver in ("psycopg", "psycopg2"):
    engine = sa.create_engine(os.environ["FLOWFORGE_URL"].replace("postgresql://", f"postgresql+{driver}://"))
    inspector = sa.inspect(engine)
    assert "marts" in inspector.get_schema_names()
    assert inspector.default_schema_name
    tables = set(inspector.get_table_names(schema="marts")) | set(inspector.get_view_names(schema="marts"))
    assert "dim_instruments" in tables, tables
    columns = {column["name"]: column["type"] for column in inspector.get_columns("dim_instruments", schema="marts")}
    assert isinstance(columns["symbol"], (sa.Text, sa.String)), columns
    inspector.get_pk_constraint("dim_instruments", schema="marts")
    assert inspector.get_foreign_keys("dim_instruments", schema="marts") == []
    inspector.get_indexes("dim_instruments", schema="marts")
    inspector.get_unique_constraints("dim_instruments", schema="marts")
    inspector.get_table_comment("dim_instruments", schema="marts")
    assert inspector.has_table("fct_trades", schema="marts") and not inspector.has_table("nowhere", schema="marts")
    table = sa.Table("dim_instruments", sa.MetaData(), schema="marts", autoload_with=engine)
    with engine.connect() as connection:
        query = sa.select(table.c.symbol).where(table.c.symbol == "AAPL")
        assert connection.execute(query).scalar() == "AAPL"
        options = {"stream_results": True, "max_row_buffer": 50}
        trades = connection.execution_options(**options).execute(sa.text("SELECT trade_id FROM raw_trades"))
        assert len(trades.fetchmany(120)) == 120
    engine.dispose()
print("ok")
