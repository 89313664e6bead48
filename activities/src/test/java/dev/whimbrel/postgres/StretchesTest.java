package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class StretchesTest {
  private static PostgresServer server;
  private static Connection connection;

  @BeforeAll
  static void start() throws SQLException {
    server = PostgresServer.start(15);
    server.createDatabase("stretches");
    server.execute(
        "stretches",
        "CREATE TABLE numbers (id bigint PRIMARY KEY)",
        "INSERT INTO numbers SELECT i * i FROM generate_series(1, 10000) i",
        "CREATE TABLE names (\"A Name\" text COLLATE \"C\" PRIMARY KEY)",
        "INSERT INTO names SELECT 'it''s {' || i || '}' FROM generate_series(1, 10000) i",
        "CREATE TABLE pairs (a text COLLATE \"en-x-icu\", b text, PRIMARY KEY (a, b))",
        "INSERT INTO pairs SELECT 'Ä' || i % 3, 'b' || i FROM generate_series(1, 10000) i",
        "CREATE TABLE nothing (id bigint PRIMARY KEY)",
        "CREATE TABLE unknown (id int PRIMARY KEY)",
        "INSERT INTO unknown SELECT generate_series(1, 10000)",
        "ANALYZE numbers, names",
        "INSERT INTO numbers SELECT -i FROM generate_series(1, 3000) i");
    connection = server.connect("stretches");
  }

  @AfterAll
  static void stop() throws SQLException {
    connection.close();
    server.close();
  }

  @Test
  void areTogetherTheWholeTableWhateverTheHistogramKnows() throws SQLException {
    ComparedTable numbers = table("numbers", List.of("id"), "int8", 10_000, true);
    ComparedTable names = table("names", List.of("A Name"), "text", 10_000, true);

    assertThat(rows(numbers)).hasSize(5).allMatch(rows -> rows > 1_500);
    assertThat(sum(numbers)).isEqualTo(13_000);
    assertThat(rows(names)).hasSize(5).allMatch(rows -> rows > 1_500);
    assertThat(sum(names)).isEqualTo(10_000);
  }

  @Test
  void areCutByTheKeysOfSomePagesWhereThereIsNoHistogram() throws SQLException {
    ComparedTable pairs = table("pairs", List.of("a", "b"), "text", 10_000, false);
    ComparedTable unknown = table("unknown", List.of("id"), "int4", 10_000, true);

    assertThat(rows(pairs)).hasSize(5).allMatch(rows -> rows > 500);
    assertThat(sum(pairs)).isEqualTo(10_000);
    assertThat(rows(unknown)).hasSize(5).allMatch(rows -> rows > 500);
    assertThat(sum(unknown)).isEqualTo(10_000);
  }

  @Test
  void areOneWhereATableNeedNotBeCut() throws SQLException {
    Block.Range whole = new Block.Range(null, null);

    assertThat(stretches().of(table("numbers", List.of("id"), "int8", 3_000, true), connection))
        .containsExactly(whole);
    assertThat(stretches().of(table("nothing", List.of("id"), "int8", 10_000, true), connection))
        .containsExactly(whole);
  }

  @Test
  void areReadBlockByBlockUpToTheKeyOfARow() throws SQLException {
    KeyedRows pairs =
        new KeyedRows(table("pairs", List.of("a", "b"), "text", 1, false), RowHash.FAST);
    // A unique index may name a column twice.
    KeyedRows twice =
        new KeyedRows(table("unknown", List.of("id", "id"), "int4", 1, true), RowHash.FAST);
    Block.Range all = new Block.Range(null, null);

    assertThat(pairs.boundary(connection, all, 10))
        .isEqualTo(pairs.keys(connection, all, 10).get(9));
    assertThat(pairs.boundary(connection, all, 1_000_000)).isNull();
    assertThat(twice.boundary(connection, new Block.Range(List.of("5", "5"), null), 3))
        .containsExactly("8", "8");
  }

  private static long sum(ComparedTable table) throws SQLException {
    return rows(table).stream().mapToLong(Long::longValue).sum();
  }

  /** How many rows each stretch holds. */
  private static List<Long> rows(ComparedTable table) throws SQLException {
    KeyedRows reader = new KeyedRows(table, RowHash.FAST);
    List<Long> rows = new ArrayList<>();
    for (Block.Range stretch : stretches().of(table, connection)) {
      rows.add(reader.sums(connection, stretch).count());
    }
    return rows;
  }

  private static Stretches stretches() {
    return new Stretches(RowHash.FAST, 2_000);
  }

  private static ComparedTable table(
      String name, List<String> key, String type, long rows, boolean sortsAlike) {
    return new ComparedTable(
        "public",
        name,
        key,
        List.of(),
        List.of(),
        key,
        key.stream().map(column -> type).toList(),
        sortsAlike,
        rows,
        false);
  }
}
