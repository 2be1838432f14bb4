SELECT DISTINCT ON (symbol) symbol, CASE WHEN is_open THEN price::int ELSE coalesce(quantity, 0) END FROM trades UNION SELECT 'x', 1 EXCEPT VALUES ('a', 2)
