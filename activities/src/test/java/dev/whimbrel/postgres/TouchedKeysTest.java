package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TouchedKeysTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private static Pairs servers;

  @BeforeAll
  static void startServers() {
    servers = Pairs.of(15, 16);
    servers.source().offerTls();
  }

  @AfterAll
  static void stopServers() {
    servers.close();
  }

  @Test
  void readsChangesOfRowsThatAreLargerThanItsMemory() throws Exception {
    UUID marker = UUID.randomUUID();
    prepare("giants");
    servers
        .source()
        .execute(
            "giants",
            "INSERT INTO t SELECT 1, decode(repeat(md5('row'), 4 * 1024 * 1024), 'hex'), 'behind'",
            "UPDATE t SET b = b || '\\x00', note = 'longer'",
            "INSERT INTO t VALUES (2, '', 'it''s'), (3, '', NULL)",
            "UPDATE t SET id = 4 WHERE id = 3",
            "INSERT INTO whole SELECT 1, decode(repeat(md5('row'), 4 * 1024 * 1024), 'hex')",
            "TRUNCATE emptied",
            Markers.writeSql(Side.SOURCE, marker, "test"),
            "INSERT INTO t VALUES (9, '', 'behind the marker')");
    long kept = kept("giants");

    String said =
        SmallHeap.run(
            TouchedKeysTest.class,
            32,
            servers.source().url("giants") + "?sslmode=require",
            servers.target().url("giants"),
            "giants_slot",
            marker.toString());

    assertThat(said).endsWith("8 changes, anew: [public.emptied, public.whole]");
    assertThat(
            Pairs.value(
                servers.target(),
                "giants",
                "SELECT string_agg(DISTINCT relation || key::text, ' ') FROM whimbrel.copy_touched"))
        .isEqualTo("public.t{1} public.t{2} public.t{3} public.t{4}");
    assertThat(kept("giants")).as("what the slot keeps").isGreaterThanOrEqualTo(kept);
    assertThat(Pairs.value(servers.source(), "giants", "SELECT active FROM pg_replication_slots"))
        .isEqualTo("f");
  }

  @Test
  void saysWhatIsWrongWithASlot() throws Exception {
    prepare("gone");
    Move move = move(servers.source().url("gone"), servers.target().url("gone"));
    servers.source().execute("gone", "SELECT pg_drop_replication_slot('gone_slot')");

    assertThatThrownBy(() -> read(move, "gone_slot", UUID.randomUUID()))
        .isInstanceOf(SQLException.class)
        .hasMessageContaining("replication slot \"gone_slot\" does not exist");
  }

  /** Reads between the databases of two URLs up to a marker. */
  public static void main(String[] arguments) throws Exception {
    Move move = move(arguments[0], arguments[1]);
    System.out.println(read(move, arguments[2], UUID.fromString(arguments[3])));
  }

  private static String read(Move move, String slot, UUID marker) throws SQLException {
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), move);
    RowSession replication = sessions.replication();
    try (Connection source = new Databases(new Secrets()).open(move.source(), "test", LIMIT);
        Connection target = sessions.target()) {
      target.setAutoCommit(false);
      TouchedKeys touched =
          new TouchedKeys(target, CopyTables.keyed(source), Markers.table(Side.SOURCE), marker);
      touched.read(replication, slot, List.of("p"));
      target.commit();
      return touched.changes() + " changes, anew: " + touched.anew().stream().sorted().toList();
    } finally {
      replication.abort();
    }
  }

  private static void prepare(String database) throws SQLException {
    servers.source().createDatabase(database);
    servers.target().createDatabase(database);
    try (Connection source = servers.source().connect(database);
        Connection target = servers.target().connect(database)) {
      Markers.create(source);
      Markers.create(target);
      new CopyList(target).create();
    }
    servers
        .source()
        .execute(
            database,
            "CREATE TABLE t (id int PRIMARY KEY, b bytea, note text)",
            "ALTER TABLE t ALTER b SET STORAGE EXTERNAL",
            "CREATE TABLE whole (id int, b bytea)",
            "ALTER TABLE whole REPLICA IDENTITY FULL",
            "ALTER TABLE whole ALTER b SET STORAGE EXTERNAL",
            "CREATE TABLE emptied (id int PRIMARY KEY)",
            "CREATE PUBLICATION p FOR TABLE t, whole, emptied, whimbrel.marker_forward",
            "SELECT pg_create_logical_replication_slot('" + database + "_slot', 'pgoutput')");
  }

  private static Move move(String source, String target) {
    return new Move(
        "touched",
        new PostgresSpec(source, null, null, null),
        new PostgresSpec(target, null, null, null),
        List.of(Connect.MANUAL),
        List.of(),
        4,
        Duration.ofSeconds(1));
  }

  /** How much WAL the slot keeps. */
  private static long kept(String database) throws SQLException {
    return Long.parseLong(
        Pairs.value(
            servers.source(),
            database,
            "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots"));
  }
}
