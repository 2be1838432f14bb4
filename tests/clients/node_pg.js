// node-postgres: parameters, prepared statements, cursors, pools, errors.
const assert = require("node:assert");
const { createRequire } = require("node:module");
const installed = createRequire(process.env.FLOWFORGE_NODE_MODULES + "/");
const { Client, Pool } = installed("pg");
const Cursor = installed("pg-cursor");

async function main() {
    const connectionString = process.env.FLOWFORGE_URL;
    const client = new Client({ connectionString });
    await client.connect();
    let answer = await client.query("SELECT $1::int4 + 1 AS n, $2::text AS t, $3::bool AS b, $4::jsonb AS j", [41, "it's", true, { a: 1 }]);
    assert.deepStrictEqual(answer.rows, [{ n: 42, t: "it's", b: true, j: { a: 1 } }]);
    // node-postgres reads arrays of numeric and int8 as numbers in text, as it does their values.
    const arrays = {
        bool: [[true, null, false], [true, null, false]],
        int4: [[1, null, 3], [1, null, 3]],
        int8: [[2, null], ["2", null]],
        float8: [[1.5, null], [1.5, null]],
        numeric: [["1.50", null], [1.5, null]],
        text: [["käse", null, "", "a,b", "NULL", 'quo"te'], ["käse", null, "", "a,b", "NULL", 'quo"te']],
        timestamptz: [[new Date("2025-05-30T10:00:00Z"), null], [new Date("2025-05-30T10:00:00Z"), null]],
        uuid: [["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", null], ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", null]],
    };
    for (const [kind, [given, expected]] of Object.entries(arrays)) {
        answer = await client.query(`SELECT $1::${kind}[] AS a, $2::${kind} = ANY($1::${kind}[]) AS b`, [given, given[0]]);
        assert.deepStrictEqual(answer.rows, [{ a: expected, b: true }], kind);
    }
    for (let number = 0; number < 3; number++) {
        answer = await client.query({ name: "by symbol", text: "SELECT lot_size FROM dim_instruments WHERE symbol = $1", values: ["AAPL"] });
        assert.strictEqual(answer.rowCount, 1);
    }
    answer = await client.query({ text: "SELECT symbol FROM dim_instruments ORDER BY symbol LIMIT 2", rowMode: "array" });
    assert.deepStrictEqual(answer.rows, [["AAPL"], ["AMZN"]]);
    answer = await client.query({ text: "SELECT 7::int4 AS n, 1.5::float8 AS f, 'x' AS t", binary: true });
    assert.deepStrictEqual(answer.rows, [{ n: 7, f: 1.5, t: "x" }]);
    await assert.rejects(client.query("SELECT nope"), { code: "42703", position: "8" });
    await assert.rejects(client.query("INSERT INTO dim_instruments VALUES ($1)", ["x"]), { code: "25006" });

    await client.query("BEGIN");
    const cursor = client.query(new Cursor("SELECT trade_id FROM raw_trades WHERE price > $1 ORDER BY trade_id", [0]));
    const first = await cursor.read(100);
    const second = await cursor.read(100);
    assert.strictEqual(first.length + second.length, 200);
    assert.ok(second[0].trade_id > first[99].trade_id);
    await cursor.close();
    await client.query("COMMIT");
    const several = await client.query("SELECT 1 AS a; SELECT 2 AS b");
    assert.strictEqual(several[1].rows[0].b, 2);
    await client.end();

    const pool = new Pool({ connectionString, max: 3, statement_timeout: 5000, application_name: "pool" });
    const names = await Promise.all([1, 2, 3, 4].map(() => pool.query("SHOW application_name")));
    assert.ok(names.every((name) => name.rows[0].application_name === "pool"));
    await pool.end();
}

main().then(() => console.log("ok"), (error) => {
    console.error(error);
    process.exit(1);
});
