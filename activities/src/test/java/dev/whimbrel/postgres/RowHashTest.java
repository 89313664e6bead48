package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

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
      assertThat(RowHash.of("fast", pair)).isEqualTo(RowHash.FAST);
      assertThat(RowHash.of("sha256", pair)).isEqualTo(RowHash.SHA256);
    }
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
