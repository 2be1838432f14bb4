-- PostgreSQL plays Materialize: the views of mz_catalog that discovery reads, over PostgreSQL's own catalog.
-- What they must look like: Materialize documentation, "System catalog: mz_catalog".
CREATE SCHEMA mz_catalog;

CREATE VIEW mz_catalog.mz_schemas AS
SELECT 'u' || n.oid AS id, n.oid AS oid, 'u1' AS database_id, n.nspname::text AS name
FROM pg_namespace n;

CREATE VIEW mz_catalog.mz_objects AS
SELECT 'u' || c.oid AS id, c.oid AS oid, 'u' || c.relnamespace AS schema_id, c.relname::text AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' END AS type
FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm');

CREATE VIEW mz_catalog.mz_columns AS
SELECT 'u' || a.attrelid AS id, a.attname::text AS name, a.attnum::int8 AS position, NOT a.attnotnull AS nullable,
       t.typname::text AS type, NULL::text AS "default", a.atttypid AS type_oid, a.atttypmod AS type_mod
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped;
