package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Rows of small unlogged tables go over with the truth; those of large ones stay, and it is said.
 */
@Isolated("the pause is held to a limit")
class UnloggedRowsTest {
  private static final String[] TABLES = {
    "SET whimbrel.same_change = on",
    "CREATE TYPE \"odd $$ type\" AS (a int, b text)",
    "CREATE UNLOGGED TABLE \"Naïve \"\"queue\"\" \" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (n * 2) STORED,"
        + " n int, \"a.b\" text, at timestamptz, took interval, f float8, b bytea, tags text[], pair \"odd $$ type\", doc json, price money)",
    "CREATE UNLOGGED TABLE empty (id int PRIMARY KEY)",
    "CREATE UNLOGGED TABLE child (id int PRIMARY KEY, \"system_user\" int REFERENCES empty)",
    "CREATE UNLOGGED TABLE large (id int, filler text)",
    "CREATE UNLOGGED TABLE squeezed (id int, doc text)",
    "CREATE UNLOGGED TABLE squeezed_late (id int, doc text)"
  };

  private static final String ROWS =
      "INSERT INTO \"Naïve \"\"queue\"\" \" (n, \"a.b\", at, took, f, b, tags, pair, doc, price) VALUES"
          + " (1, 'it''s $$ \\ \"odd\" {fn x} ?', '2024-02-29 12:00:00.123456+05', '-1 day -02:03:04', 0.1::float8 + 0.2, '\\x00ff', '{a,\"b,c\",NULL}', '(1,\"x\"\"y\")', '{\"a\": \"$whimbrel$\"}', 1234.5),"
          + " (NULL, NULL, 'infinity', NULL, 'NaN', '', '{}', NULL, 'null', NULL), (3, E'line\\nbreak', NULL, NULL, 1e300, NULL, NULL, '(,)', NULL, -1)";

  /** Whatever the reader's own settings are. */
  private static final String ALL =
      "SELECT md5(string_agg(concat_ws('|', id, twice, n, \"a.b\", at AT TIME ZONE 'UTC', extract(month FROM took), extract(day FROM took),"
          + " extract(epoch FROM took), encode(float8send(f), 'hex'), encode(b, 'hex'), tags, pair, doc, price::numeric), E'\\n' ORDER BY id)) || ' ' || count(*)"
          + " FROM \"Naïve \"\"queue\"\" \"";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void goOverAndBackAsTheyAre() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), "SET intervalstyle = sql_standard", ROWS);
      pair.source()
          .execute(world.name(), "INSERT INTO empty VALUES (1)", "INSERT INTO child VALUES (7, 1)");
      pair.source()
          .execute(
              world.name(),
              "ALTER DATABASE %s SET intervalstyle = sql_standard".formatted(world.name()),
              "ALTER DATABASE %s SET extra_float_digits = 0".formatted(world.name()),
              "INSERT INTO large SELECT i, repeat('x', 1000) FROM generate_series(1, 3000) i");
      String before = value(world, Side.SOURCE, ALL);

      HandOver there = world.prepared().switchover().handOver(world.to(Side.TARGET));

      assertThat(there.roundTrips()).isEqualTo(5);
      assertThat(there.line()).contains("rows of unlogged tables stay on the source: public.large");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(before);
      assertThat(value(world, Side.TARGET, "SELECT \"system_user\" FROM child WHERE id = 7"))
          .isEqualTo("1");
      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM large")).isEqualTo("0");
      pair.target()
          .execute(
              world.name(),
              "DELETE FROM child",
              "DELETE FROM empty",
              "DELETE FROM \"Naïve \"\"queue\"\" \" WHERE n = 1",
              ROWS);
      String after = value(world, Side.TARGET, ALL);
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      assertThat(value(world, Side.SOURCE, ALL)).isEqualTo(after);
      assertThat(value(world, Side.SOURCE, "SELECT count(*) FROM empty, child")).isEqualTo("0");
      // They are nowhere else.
      assertThat(back.line())
          .contains("rows of unlogged tables stay on the target: public.large; the source has");
      assertThat(value(world, Side.SOURCE, "SELECT count(*) FROM large")).isEqualTo("3000");
    }
  }

  @Test
  void stayWhereOneSideHasAColumnMore() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS, "INSERT INTO empty VALUES (1)");
      pair.target()
          .execute(
              world.name(),
              "SET whimbrel.same_change = on",
              "ALTER TABLE empty ADD COLUMN more text DEFAULT 'x'");

      HandOver there = world.prepared().switchover().handOver(world.to(Side.TARGET));

      assertThat(there.line()).contains("rows of unlogged tables stay on the source: public.empty");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
    }
  }

  @Test
  void stayWhereTheRunbookLeavesThemOutAndAreTouchedOnNeitherSide() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS, "INSERT INTO squeezed VALUES (1)");
      Move move =
          world.move().choosing(new TablesSpec(List.of(), List.of(), List.of("public.squeezed")));
      world.switchover().prepareSwitchover(move);

      HandOver there = world.switchover().handOver(request(move, Side.TARGET));

      assertThat(there.line()).doesNotContain("unlogged");
      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM squeezed")).isEqualTo("0");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
      pair.target().execute(world.name(), "INSERT INTO squeezed VALUES (5)");
      world.switchover().settle(request(move, Side.SOURCE));
      assertThat(value(world, Side.SOURCE, "SELECT string_agg(id::text, ',') FROM squeezed"))
          .isEqualTo("1");
    }
  }

  private static SwitchoverRequest request(Move move, Side to) {
    return new SwitchoverRequest(
        move, to, Duration.ofSeconds(5), Duration.ofSeconds(30), null, "a test asked for it");
  }

  @Test
  void arriveAlsoWhereTheProcessDiesBetweenHandOverAndOpening() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS);
      world.prepared();
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }

      world.switchover().settle(world.to(Side.TARGET));

      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
    }
  }

  @Test
  void whatTheOtherSideDoesNotTakeStaysAndStopsNothing() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS, "INSERT INTO empty VALUES (1), (2)");
      pair.target()
          .execute(world.name(), "ALTER TABLE empty ADD CONSTRAINT small CHECK (id < 2) NOT VALID");

      HandOver there = world.prepared().switchover().handOver(world.to(Side.TARGET));

      assertThat(there.line())
          .contains("rows of unlogged tables stay on the source: public.empty (new row for");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM empty")).isEqualTo("0");
      world.switchover().settle(world.to(Side.SOURCE));
      assertThat(value(world, Side.SOURCE, "SELECT count(*) FROM empty")).isEqualTo("2");
    }
  }

  /** Nobody has written down that they went: by hand, or by a worker of before. */
  @Test
  void ofTheSourceAreLeftAloneByARollbackWhereNothingIsKnownOfThem() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), "INSERT INTO empty VALUES (1)");
      world.prepared().switchover().handOver(world.to(Side.TARGET));
      pair.target()
          .execute(world.name(), "DROP TABLE whimbrel.unlogged_carried", "DELETE FROM empty");

      world.switchover().settle(world.to(Side.SOURCE));

      assertThat(value(world, Side.SOURCE, "SELECT count(*) FROM empty")).isEqualTo("1");
    }
  }

  /** A crash empties them there, and only there. */
  @Test
  void ofTheSourceOutliveACrashOfTheTarget() throws Exception {
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS, "INSERT INTO empty VALUES (1)");
      world.prepared().switchover().handOver(world.to(Side.TARGET));
      String before = value(world, Side.SOURCE, ALL);
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(before);
      pair.target().stopImmediate();
      pair.target().start();
      pair.target().execute(world.name(), "INSERT INTO empty VALUES (2)");

      HandOver back = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(back.line())
          .contains("a crash of the target has emptied unlogged tables")
          .contains("queue")
          .doesNotContain("public.empty");
      assertThat(value(world, Side.SOURCE, ALL)).isEqualTo(before);
      assertThat(value(world, Side.SOURCE, "SELECT string_agg(id::text, ',') FROM empty"))
          .isEqualTo("2");
    }
  }

  /** What is small on the disk may be large on the wire. */
  @Test
  void leavesWhatIsSmallOnTheDiskAlone() throws Exception {
    String rows =
        "INSERT INTO %s SELECT i, repeat('{\"a\": 1}', 5000) FROM generate_series(1, 100) i";
    try (World world = world()) {
      pair.source().execute(world.name(), ROWS, rows.formatted("squeezed"));
      world.prepared();
      Checkpoints growing =
          point -> {
            if (point == Checkpoints.Point.PAUSED) {
              pair.source().execute(world.name(), rows.formatted("squeezed_late"));
            }
          };

      HandOver there =
          new PostgresSwitchover(new Secrets(), growing).handOver(world.to(Side.TARGET));

      assertThat(value(world, Side.SOURCE, "SELECT pg_table_size('squeezed') < 200000"))
          .isEqualTo("t");
      assertThat(there.line()).contains("source: public.squeezed, public.squeezed_late");
      assertThat(
              value(
                  world,
                  Side.TARGET,
                  "SELECT (SELECT count(*) FROM squeezed) + (SELECT count(*) FROM squeezed_late)"))
          .isEqualTo("0");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
    }
  }

  @Test
  void holdUpNoOpeningWhereTheyCannotBeRead() throws Exception {
    try (World world = world();
        Connection locker = world.connect(Side.SOURCE)) {
      pair.source().execute(world.name(), ROWS);
      world.prepared();
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      // Nobody ends a session of this name.
      locker.createStatement().execute("SET application_name = 'whimbrel test'");
      locker.setAutoCommit(false);
      locker.createStatement().execute("LOCK TABLE empty");

      HandOver there = world.switchover().settle(world.to(Side.TARGET));

      assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(there.line()).contains("rows of unlogged tables stay on the source: public.empty");
      assertThat(value(world, Side.TARGET, ALL)).isEqualTo(value(world, Side.SOURCE, ALL));
    }
  }

  private static World world() throws SQLException {
    World world = new World(pair);
    for (Side side : Side.values()) {
      world.server(side).execute(world.name(), TABLES);
    }
    return world;
  }

  private static String value(World world, Side side, String sql) throws SQLException {
    return Pairs.value(world.server(side), world.name(), sql);
  }
}
