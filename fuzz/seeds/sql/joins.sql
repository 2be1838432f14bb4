WITH t AS (SELECT symbol, sum(price * quantity) AS total FROM trades WHERE at > '2024-01-01' GROUP BY symbol HAVING count(*) > 2)
SELECT p.symbol, t.total, row_number() OVER (PARTITION BY p.symbol ORDER BY t.total DESC NULLS LAST) FROM positions p LEFT JOIN t USING (symbol)
WHERE EXISTS (SELECT 1 FROM latest.prices x WHERE x.symbol = p.symbol) ORDER BY 2 LIMIT 10 OFFSET $1
