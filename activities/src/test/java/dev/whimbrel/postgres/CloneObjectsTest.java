package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A clone holds the large objects of its snapshot, and leaves none behind when it is dropped. */
@Needs(Program.PG_DUMP)
class CloneObjectsTest {
  private static final String ALL =
      "SELECT string_agg(concat_ws(' ', m.oid, pg_get_userbyid(m.lomowner), m.lomacl::text, convert_from(lo_get(m.oid), 'UTF8'),"
          + " obj_description(m.oid, 'pg_largeobject')), E'\\n' ORDER BY m.oid) FROM pg_largeobject_metadata m";

  private static final String LEFT =
      "SELECT (SELECT count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_largeobject)"
          + " + (SELECT count(*) FROM pg_shdepend WHERE classid = 2613 AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))"
          + " + (SELECT count(*) FROM pg_description WHERE classoid = 2613)";

  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
    pair.source().execute("postgres", "CREATE ROLE keeper", "CREATE ROLE weak LOGIN");
    pair.target().execute("postgres", "CREATE ROLE keeper");
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void holdsTheObjectsOfItsSnapshotAndNotTheLaterOnes() throws Exception {
    Move move = bank("objects");
    String before = onSource("objects", ALL);
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      Wait.until(
          "the snapshot is taken",
          Duration.ofSeconds(30),
          () -> onTarget("objects", "SELECT count(*) FROM whimbrel.copy_snapshot").equals("1"));
      pair.source()
          .execute(
              "objects",
              "SELECT lo_put(1, 0, 'later')",
              "SELECT lo_unlink(2)",
              "SELECT lo_create(9)");

      String opened = clone.open().line();
      clone.copy(1);
      clone.complete();

      assertThat(opened).endsWith("; 2,005 rows of large objects copied");
      assertThat(clone.verify().differences()).isZero();
      pair.target().execute("objects", "UPDATE pg_largeobject SET data = 'damaged' WHERE loid = 1");
      pair.target().execute("objects", "SELECT lo_create(9)");
      assertThat(clone.verify().findings())
          .containsExactly("large object 1: differs", "large object 9: only on the target");
      pair.target()
          .execute(
              "objects",
              "UPDATE pg_largeobject SET data = 'one' WHERE loid = 1",
              "SELECT lo_unlink(9)");
      clone.release();
    }
    assertThat(onTarget("objects", ALL)).isEqualTo(before);
    assertThatThrownBy(() -> pair.target().execute("objects", "DROP ROLE keeper"))
        .hasStackTraceContaining("cannot be dropped");
  }

  @Test
  void leavesNoObjectBehindWhenItIsDroppedOrBegunAnew() throws Exception {
    Move move = bank("dropped");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.killKeeper();
      pair.source().execute("dropped", "SELECT lo_unlink(2)");
      clone.keepNext();
      clone.open();
      assertThat(onTarget("dropped", "SELECT count(*) FROM pg_largeobject_metadata WHERE oid < 10"))
          .isEqualTo("1");

      clone.drop();
    }
    assertThat(onTarget("dropped", LEFT)).isEqualTo("0");
  }

  /** As a suite's clone does, which is made of a target that follows. */
  @Test
  void ofAClosedSideLetsObjectsBeWritten() throws Exception {
    Move move = bank("taken");
    try (Connection source = pair.source().connect("taken")) {
      LargeObjectFence.lay(source);
      LargeObjectFence.take(source, "true");
    }
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.copy(1);
      clone.complete();
      clone.release();
    }

    assertThat(onTarget("taken", LargeObjectSwitchoverTest.RIGHTS))
        .isEqualTo(onTarget("postgres", LargeObjectSwitchoverTest.RIGHTS))
        .contains("default");
  }

  @Test
  void saysBeforeWhatKeepsObjectsOut() throws Exception {
    Move move = bank("looked");
    PostgresCloning cloning = new PostgresCloning(new Secrets());
    assertThat(lines(cloning.lookBeforeCloning(move)))
        .containsExactly(
            "NOTE source: holds 2,002 large objects, which one session copies before the tables");

    pair.target().execute("looked", "SELECT lo_create(1)");
    assertThat(lines(cloning.lookBeforeCloning(move)))
        .anyMatch(line -> line.startsWith("BLOCKER target: holds 1 large objects already"));
    pair.source().execute("looked", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak");
    Move weak =
        new Move(
            move.migration(),
            new PostgresSpec(
                pair.source().url("looked").replace("postgres@", "weak@"), null, null, null),
            move.target(),
            List.of(),
            List.of(),
            1,
            Duration.ofSeconds(1));
    assertThat(lines(cloning.lookBeforeCloning(weak)))
        .anyMatch(
            line ->
                line.startsWith(
                    "BLOCKER source: holds 2002 large objects, which only superusers may carry."));
  }

  private static List<String> lines(CloneLook look) {
    return look.findings().stream()
        .filter(finding -> finding.check().equals("large-objects"))
        .map(finding -> finding.level() + " " + finding.line())
        .toList();
  }

  /** Two objects with something to tell of, and many more than one message holds. */
  private static Move bank(String name) {
    Move move = PostgresCloningTest.bank(pair, name);
    pair.source()
        .execute(
            name,
            "SELECT lo_from_bytea(1, 'one'), lo_from_bytea(2, 'two')",
            "COMMENT ON LARGE OBJECT 1 IS 'it''s'",
            "ALTER LARGE OBJECT 1 OWNER TO keeper",
            "GRANT SELECT ON LARGE OBJECT 2 TO keeper",
            "SELECT lo_create(i) FROM generate_series(1001, 3000) i");
    return move;
  }

  private static String onSource(String database, String sql) throws Exception {
    return Pairs.value(pair.source(), database, sql);
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
