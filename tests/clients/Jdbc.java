// JDBC: what Java tools do. Run as a single file: java -cp postgresql.jar Jdbc.java

import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

public class Jdbc {
    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    static int count(ResultSet rows) throws SQLException {
        int count = 0;
        while (rows.next()) count++;
        return count;
    }

    public static void main(String[] arguments) throws Exception {
        String url = System.getenv("FLOWFORGE_URL").replaceFirst("postgresql://[^@]*@", "jdbc:postgresql://");
        for (String mode : List.of("extended", "simple", "extendedForPrepared")) {
            try (Connection connection = DriverManager.getConnection(url + "?user=acme&password=acme&preferQueryMode=" + mode)) {
                values(connection, mode);
                metadata(connection.getMetaData());
            }
        }
        System.out.println("ok");
    }

    static void values(Connection connection, String mode) throws Exception {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT ?::int4 + 1, ?::text, ?::numeric, ?::date, ?::bool, ?::timestamptz, ?::float8")) {
            // Often enough that the driver prepares it and asks for binary.
            for (int round = 0; round < 7; round++) {
                statement.setInt(1, round);
                statement.setString(2, "it's");
                statement.setBigDecimal(3, new BigDecimal("1.50"));
                statement.setDate(4, java.sql.Date.valueOf("2025-05-30"));
                statement.setBoolean(5, true);
                statement.setTimestamp(6, Timestamp.from(java.time.Instant.parse("2025-05-30T10:00:00Z")));
                statement.setDouble(7, 0.5);
                ResultSet row = statement.executeQuery();
                check(row.next() && row.getInt(1) == round + 1 && row.getString(2).equals("it's"), mode + " int, text");
                check(row.getBigDecimal(3).compareTo(new BigDecimal("1.50")) == 0 && row.getBoolean(5), mode + " numeric, bool");
                check(row.getDate(4).toString().equals("2025-05-30") && row.getDouble(7) == 0.5, mode + " date, float8");
                check(row.getTimestamp(6).toInstant().toString().equals("2025-05-30T10:00:00Z"), mode + " timestamptz");
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM dim_instruments WHERE symbol = ANY(?)")) {
            statement.setArray(1, connection.createArrayOf("text", new String[] {"AAPL", "GS"}));
            ResultSet row = statement.executeQuery();
            check(row.next() && row.getInt(1) == 2, mode + " array as a parameter");
        }
        try (ResultSet row = connection.createStatement().executeQuery("SELECT ARRAY[1, NULL, 3], ARRAY['a,b', NULL]")) {
            check(row.next() && Arrays.equals((Object[]) row.getArray(1).getArray(), new Integer[] {1, null, 3}), mode + " int4[]");
            check(Arrays.equals((Object[]) row.getArray(2).getArray(), new String[] {"a,b", null}), mode + " text[]");
        }
        connection.setReadOnly(true);
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);
            ResultSet rows = statement.executeQuery("SELECT trade_id FROM raw_trades ORDER BY trade_id LIMIT 350");
            check(count(rows) == 350, mode + " rows in pieces");
            statement.executeQuery("SELECT nope");
            check(false, mode + " no error");
        } catch (SQLException error) {
            check("42703".equals(error.getSQLState()), mode + " " + error.getSQLState() + " " + error.getMessage());
        }
        connection.rollback();
        connection.setReadOnly(false);
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("INSERT INTO dim_instruments VALUES ('x')");
            check(false, mode + " a write went through");
        } catch (SQLException error) {
            check("25006".equals(error.getSQLState()), mode + " " + error.getSQLState());
        }
        var copied = new java.io.ByteArrayOutputStream();
        connection.unwrap(org.postgresql.PGConnection.class).getCopyAPI()
            .copyOut("COPY (SELECT n FROM generate_series(1, 3) AS t(n)) TO STDOUT", copied);
        check(copied.toString().equals("1\n2\n3\n"), mode + " copy");
    }

    static void metadata(DatabaseMetaData metadata) throws SQLException {
        check(metadata.getDatabaseProductVersion().startsWith("15"), metadata.getDatabaseProductVersion());
        check(count(metadata.getTables(null, "marts", "%", new String[] {"TABLE", "VIEW"})) > 0, "getTables");
        ResultSet columns = metadata.getColumns(null, "marts", "dim_instruments", "%");
        Map<String, String> types = new LinkedHashMap<>();
        while (columns.next()) types.put(columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME"));
        check("text".equals(types.get("symbol")) && "int8".equals(types.get("lot_size")), types.toString());
        check(count(metadata.getSchemas()) > 0 && count(metadata.getCatalogs()) == 1, "getSchemas, getCatalogs");
        count(metadata.getPrimaryKeys(null, "marts", "dim_instruments"));
        count(metadata.getIndexInfo(null, "marts", "dim_instruments", false, true));
        count(metadata.getImportedKeys(null, "marts", "dim_instruments"));
        count(metadata.getExportedKeys(null, "marts", "dim_instruments"));
        count(metadata.getBestRowIdentifier(null, "marts", "dim_instruments", DatabaseMetaData.bestRowSession, true));
        count(metadata.getVersionColumns(null, "marts", "dim_instruments"));
        count(metadata.getTablePrivileges(null, "marts", "dim_instruments"));
        count(metadata.getColumnPrivileges(null, "marts", "dim_instruments", "%"));
        count(metadata.getProcedures(null, null, "%"));
        count(metadata.getFunctions(null, null, "%"));
        count(metadata.getUDTs(null, null, "%", null));
        check(count(metadata.getTypeInfo()) > 0 && count(metadata.getTableTypes()) > 0, "getTypeInfo, getTableTypes");
        check(metadata.getSQLKeywords().contains("analyze"), metadata.getSQLKeywords());
        check(metadata.getMaxColumnNameLength() == 63, "getMaxColumnNameLength");
    }
}
