package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowHashTest {
  private static final String TABLE =
      "CREATE TABLE t (id int PRIMARY KEY, a text COLLATE \"und-x-icu\", b numeric, c bytea, d timestamptz)";

  private static final String ROWS =
      """
      INSERT INTO t SELECT i, repeat('Å"\\', i % 40) || i, i / 7.0, decode(md5(i::text), 'hex'), '2026-01-01'::timestamptz + i * interval '1 s'
        FROM generate_series(1, 2000) i""";

  private static Pairs servers;

  @BeforeAll
  static void start() {
    servers = Pairs.of(13, 18);
    for (PostgresServer server : List.of(servers.source(), servers.target())) {
      server.createDatabase("hashes");
      server.execute("hashes", TABLE, ROWS, "INSERT INTO t (id) VALUES (0)");
    }
    servers
        .target()
        .execute(
            "postgres",
            "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    servers.target().execute("latin", TABLE, ROWS, "INSERT INTO t (id) VALUES (0)");
  }

  @AfterAll
  static void stop() {
    servers.close();
  }

  @Test
  void isTheSameFromTheOldestToTheNewestServer() throws SQLException {
    try (Pair pair = pair("hashes", "hashes")) {
      for (RowHash hash : RowHash.values()) {
        assertSame(pair, hash);
      }
      assertThat(RowHash.of("fast", pair)).isEqualTo(RowHash.FAST);
      assertThat(RowHash.of("sha256", pair)).isEqualTo(RowHash.SHA256);
    }
  }

  /** What PostgreSQL calls equal, and people do not; and what its hash of 64 bits makes equal. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "NULL",
      value = {
        "numeric | 1.0 | 1.00",
        "float8 | 0 | -0",
        "interval | 1 day | 24:00",
        "bpchar | a | 'a '",
        "text COLLATE loose | a | A",
        "varchar COLLATE loose | a | A",
        "jsonb | [1.0] | [1.00]",
        "numeric[] | {1.0} | {1.00}",
        "citext | a | A",
        "int8 | -1 | 4294967295",
        "int8 | 1 | 4294967296",
        "long_number | 1 | 4294967296",
        "timestamp | 2000-01-01 00:00:00.000001 | 2000-01-01 01:11:34.967296",
        "timestamptz | 2000-01-01 00:00:00.000001+00 | 2000-01-01 01:11:34.967296+00",
        "time | 00:00:00.000001 | 01:11:34.967296",
        "int4 | 0 | NULL",
        "text | '' | NULL",
        "uuid | 6b1f3a52-0c7e-4d5c-9a11-0123456789ab | 6b1f3a52-0c7e-4d5c-9a11-0123456789ac"
      })
  void tellsApartWhatOtherHashesCallEqual(String type, String one, @Nullable String other)
      throws SQLException {
    PostgresServer server = servers.target();
    server.execute(
        "hashes",
        "CREATE COLLATION IF NOT EXISTS loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE EXTENSION IF NOT EXISTS citext",
        "DO $$ BEGIN CREATE DOMAIN long_number AS int8; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "DROP TABLE IF EXISTS one, other",
        "CREATE TABLE one (id int PRIMARY KEY, v %s)".formatted(type),
        "CREATE TABLE other (LIKE one INCLUDING ALL)",
        "INSERT INTO one VALUES (1, '%s')".formatted(one),
        "INSERT INTO other VALUES (1, %s)".formatted(other == null ? "NULL" : "'" + other + "'"));

    Sums of = sums(server, "one", type);
    Sums ofOther = sums(server, "other", type);

    assertThat(of.count()).isEqualTo(1);
    assertThat(ofOther.first()).isNotEqualTo(of.first());
    assertThat(ofOther.second()).isNotEqualTo(of.second());
  }

  @Test
  void noticesRowsThatHaveExchangedAValue() throws SQLException {
    PostgresServer server = servers.target();
    server.execute(
        "hashes",
        "DROP TABLE IF EXISTS one, other",
        "CREATE TABLE one (id int PRIMARY KEY, v int8, w text)",
        "CREATE TABLE other (LIKE one INCLUDING ALL)",
        "INSERT INTO one VALUES (1, 10, 'a'), (2, 20, 'b')",
        "INSERT INTO other VALUES (1, 20, 'a'), (2, 10, 'b')");

    Sums one = sums(server, "one", "int8");
    Sums other = sums(server, "other", "int8");

    assertThat(other.first()).isNotEqualTo(one.first());
    assertThat(other.second()).isNotEqualTo(one.second());
  }

  /** As a verification would hash the table, by its own reading of the catalog. */
  private static Sums sums(PostgresServer server, String table, String type) throws SQLException {
    Tally tally = new Tally(Side.SOURCE);
    try (Connection connection = server.connect("hashes")) {
      Map<String, TableShape> shapes = TableCatalog.read(connection, Selection.EVERYTHING, "r");
      ComparedTable compared =
          new TablePairing(tally, false)
              .pair(shapes, shapes).stream()
                  .filter(each -> each.name().equals(table))
                  .findFirst()
                  .orElseThrow(() -> new AssertionError(type + " is not compared"));
      return new KeyedRows(compared, RowHash.FAST).sums(connection, new Block.Range(null, null));
    }
  }

  private static void assertSame(Pair pair, RowHash hash) throws SQLException {
    KeyedRows rows = new KeyedRows(table(), hash);
    Pair.Read<Sums> sums = pair.both(side -> rows.sums(side, new Block.Range(null, null)));
    Pair.Read<Map<Integer, Sums>> parts =
        pair.both(side -> rows.parts(side, new Block.Range(null, null)));

    assertThat(sums.follower()).isEqualTo(sums.truth());
    assertThat(sums.truth().count()).isEqualTo(2_001);
    assertThat(sums.truth().first()).isNotEqualTo(sums.truth().second());
    assertThat(parts.follower()).isEqualTo(parts.truth());
    assertThat(parts.truth()).hasSizeGreaterThan(200);
  }

  @Test
  void isSha256WhereTheServersDoNotAgree() throws SQLException {
    try (Pair pair = pair("hashes", "latin")) {
      RowHash hash = RowHash.of("fast", pair);
      KeyedRows rows = new KeyedRows(table(), hash);
      Pair.Read<Sums> sums = pair.both(side -> rows.sums(side, new Block.Range(null, null)));
      KeyedRows fast = new KeyedRows(table(), RowHash.FAST);
      Pair.Read<Sums> unlike = pair.both(side -> fast.sums(side, new Block.Range(null, null)));

      assertThat(hash).isEqualTo(RowHash.SHA256);
      assertThat(sums.follower()).isEqualTo(sums.truth());
      assertThat(unlike.follower()).isNotEqualTo(unlike.truth());
    }
  }

  private static Pair pair(String truth, String follower) throws SQLException {
    Databases databases = new Databases(new Secrets(Map.of()));
    return new Pair(
        Pinned.open(databases, spec(servers.source(), truth), "test"),
        Pinned.open(databases, spec(servers.target(), follower), "test"));
  }

  private static PostgresSpec spec(PostgresServer server, String database) {
    return new PostgresSpec(server.url(database), null, null, null);
  }

  private static ComparedTable table() {
    return new ComparedTable(
        "public",
        "t",
        List.of("id", "a", "b", "c", "d"),
        List.of("c"),
        List.of(),
        List.of("id"),
        List.of("pg_catalog.int4"),
        true,
        2_001,
        false);
  }
}
