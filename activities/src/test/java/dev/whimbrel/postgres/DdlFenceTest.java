package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A table that is made on the closed side would take writes there: DDL meets the fence too. */
class DdlFenceTest {
  private static final List<String> OPENING_DDL =
      List.of(
          "CREATE TABLE late (id int)",
          "CREATE UNLOGGED TABLE late (id int)",
          "CREATE TABLE late AS SELECT 1 AS id",
          "SELECT 1 AS id INTO late",
          "CREATE TABLE late PARTITION OF event FOR VALUES FROM (100) TO (200)",
          "CREATE TABLE late () INHERITS (counter)",
          "CREATE SCHEMA late CREATE TABLE late (id int)",
          "DO $$ BEGIN EXECUTE 'CREATE TABLE late (id int)'; END $$",
          "ALTER TABLE entry DISABLE TRIGGER whimbrel_fence",
          "ALTER TABLE entry DISABLE TRIGGER ALL",
          "ALTER TABLE entry ENABLE TRIGGER whimbrel_fence",
          "ALTER TABLE event DISABLE TRIGGER whimbrel_fence_truncate",
          "DROP TRIGGER whimbrel_fence ON entry");

  private static final List<String> HARMLESS_DDL =
      List.of(
          "CREATE TEMP TABLE late_t (id int)",
          "CREATE TEMP TABLE late_a AS SELECT 1 AS id",
          "ALTER TABLE late_t ADD COLUMN x int",
          "SELECT 1 AS id INTO TEMP late_i",
          "ALTER TABLE entry ADD COLUMN late int",
          "CREATE INDEX late_x ON entry (late)",
          "ALTER TABLE entry DROP COLUMN late",
          "CREATE MATERIALIZED VIEW late_m AS SELECT * FROM entry",
          "REFRESH MATERIALIZED VIEW late_m",
          "DROP MATERIALIZED VIEW late_m",
          "ANALYZE entry");

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest
  @CsvSource({"13, 15", "15, 16", "16, 18"})
  void isRefusedOnTheClosedSideAndAllowedOnTheOpenOne(int from, int to) throws Exception {
    try (Pairs versions = Pairs.of(from, to);
        World world = new World(versions)) {
      world.prepared();
      passes(world, Side.SOURCE);
      refuses(world, Side.TARGET);

      world.prepared().switchover().handOver(world.to(Side.TARGET));
      refuses(world, Side.SOURCE);
      world.server(Side.TARGET).execute(world.name(), "CREATE TEMP TABLE open_t (id int)");

      world.switchover().settle(world.to(Side.SOURCE));
      passes(world, Side.SOURCE);
      refuses(world, Side.TARGET);
    }
  }

  @Test
  void isRefusedForGoodAfterTheCleanUp() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      world.switchover().stopReverse(world.move());
      world.switchover().cleanUp(world.move());

      refuses(world, Side.SOURCE);
      passes(world, Side.TARGET);
      assertThat(count(world, Side.TARGET, "pg_event_trigger")).isEqualTo("0");
      assertThat(count(world, Side.SOURCE, "pg_event_trigger")).isNotEqualTo("0");
    }
  }

  @Test
  void isTakenAwayWithThePreparation() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().unprepareSwitchover(world.move());

      assertThat(count(world, Side.SOURCE, "pg_event_trigger")).isEqualTo("0");
      passes(world, Side.SOURCE);
      try (Connection target = world.connect(Side.TARGET)) {
        Authority.release(target, world.name());
      }
      assertThat(count(world, Side.TARGET, "pg_event_trigger")).isEqualTo("0");
      passes(world, Side.TARGET);
    }
  }

  @Test
  void thatIsUnderWayKeepsTheHandOverWaitingSoThatItsTableIsSeen() throws Exception {
    try (World world = new World(pair).prepared();
        Connection late = world.connect(Side.SOURCE)) {
      late.setAutoCommit(false);
      CompletableFuture<Object> attempt;
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              at -> {
                if (at == Checkpoints.Point.PAUSED) {
                  execute(late, "CREATE TABLE late (id int)");
                }
              });

      attempt = CompletableFuture.supplyAsync(() -> switchover.handOver(world.to(Side.TARGET)));
      Wait.until(
          "the hand-over waits for a lock",
          Duration.ofSeconds(20),
          () ->
              Pairs.value(
                      pair.source(),
                      world.name(),
                      "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
                  .equals("1"));
      execute(late, "INSERT INTO late VALUES (1)");
      late.commit();

      assertThatThrownBy(() -> attempt.get(60, TimeUnit.SECONDS))
          .hasStackTraceContaining("is no longer the one that the switchover was prepared for");
      pair.source().execute(world.name(), "INSERT INTO late VALUES (2)");
      assertThatThrownBy(
              () ->
                  pair.target()
                      .execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  @Test
  void thatBeganBeforeTheFenceWasThereIsWaitedForBeforeThePause() throws Exception {
    try (World world = new World(pair);
        Connection late = world.connect(Side.SOURCE)) {
      late.setAutoCommit(false);
      execute(late, "CREATE TABLE late (id int)");
      world.prepared();

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("has held a lock on a relation that is not committed");

      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
    }
  }

  @Test
  void isRefusedAlsoWhereItsTransactionStillSeesTheOpenDatabase() throws Exception {
    try (World world = new World(pair).prepared();
        Connection old = world.connect(Side.SOURCE)) {
      old.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      old.setAutoCommit(false);
      execute(old, "SELECT count(*) FROM pg_class");
      AtomicReference<Throwable> refusal = new AtomicReference<>();
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              at -> {
                if (at == Checkpoints.Point.OPENED) {
                  refusal.set(catchThrowable(() -> execute(old, "CREATE TABLE late (id int)")));
                }
              });

      switchover.handOver(world.to(Side.TARGET));

      assertThat(refusal.get()).hasMessageContaining("this database is closed");
    }
  }

  @Test
  void isAllowedAsTheSameChangeAndTheNewTableIsBornClosed() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));

      pair.source()
          .execute(
              world.name(),
              "SET whimbrel.same_change = on",
              "CREATE TABLE late (id int PRIMARY KEY)",
              "CREATE TABLE event_late PARTITION OF event FOR VALUES FROM (100) TO (200)");

      for (String table : List.of("late (id)", "event_late (day)")) {
        assertThatThrownBy(
                () -> pair.source().execute(world.name(), "INSERT INTO " + table + " VALUES (150)"))
            .hasStackTraceContaining("this database is closed");
      }
      assertThatThrownBy(
              () ->
                  pair.source()
                      .execute(
                          world.name(),
                          "SET whimbrel.same_change = on",
                          "CREATE TABLE full_one AS SELECT 1 AS id"))
          .hasStackTraceContaining("this database is closed");
      assertThatThrownBy(
              () ->
                  pair.source()
                      .execute(
                          world.name(),
                          "SET whimbrel.same_change = on",
                          "ALTER TABLE entry DISABLE TRIGGER ALL; INSERT INTO entry (writer, n) VALUES (1, 1)"))
          .hasStackTraceContaining("this database is closed");
      pair.target().execute(world.name(), "CREATE TABLE late (id int PRIMARY KEY)");
      pair.target().execute(world.name(), "INSERT INTO late VALUES (1)");
    }
  }

  @Test
  void onASideThatComesBackIsClosedWithItsNewTables() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own).prepared()) {
      own.source().stopImmediate();
      world
          .switchover()
          .handOver(world.request(Side.TARGET, "ana@example.com", Duration.ofMillis(200)));
      own.source().start();
      own.source()
          .execute(world.name(), "CREATE TABLE late (id int)", "INSERT INTO late VALUES (1)");

      world.switchover().settle(world.to(Side.TARGET));

      assertThatThrownBy(() -> own.source().execute(world.name(), "INSERT INTO late VALUES (2)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  @Test
  void thatPassedWhereNothingGuardsIsFoundAndItsTableClosedInTheWindow() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      WayBackWatch watch = new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL);
      assertThat(watch.look().line()).doesNotContain("CLOSED LATE");
      try (Connection source = world.connect(Side.SOURCE)) {
        DdlFence.lift(source);
      }
      pair.source()
          .execute(world.name(), "CREATE TABLE late (id int)", "INSERT INTO late VALUES (1)");

      for (int look = 0; look < 2; look++) {
        assertThat(watch.look().line())
            .contains("CLOSED LATE on the source: public.late, whose rows are not on the target");
      }
      assertThatThrownBy(() -> pair.source().execute(world.name(), "INSERT INTO late VALUES (2)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  private static void refuses(World world, Side side) {
    for (String sql : OPENING_DDL) {
      assertThatThrownBy(() -> inOne(world, side, sql))
          .as("%s on the %s: %s", sql, side.word(), world.server(side).version())
          .isInstanceOf(SQLException.class)
          .satisfies(e -> assertThat(((SQLException) e).getSQLState()).isEqualTo("25006"))
          .hasMessageContaining("this database is closed, writes go to the other side");
    }
    assertThatCode(() -> inOne(world, side, HARMLESS_DDL.toArray(String[]::new)))
        .as("harmless DDL on the %s", side.word())
        .doesNotThrowAnyException();
  }

  private static void passes(World world, Side side) {
    for (String sql : OPENING_DDL) {
      if (!sql.contains("TRIGGER")) {
        assertThatCode(() -> inOne(world, side, sql))
            .as("%s on the %s", sql, side.word())
            .doesNotThrowAnyException();
      }
    }
    assertThatCode(() -> inOne(world, side, HARMLESS_DDL.toArray(String[]::new)))
        .doesNotThrowAnyException();
  }

  /** In one transaction that is rolled back. */
  private static void inOne(World world, Side side, String... statements) throws SQLException {
    try (Connection connection = world.connect(side)) {
      connection.setAutoCommit(false);
      for (String sql : statements) {
        connection.createStatement().execute(sql);
      }
      connection.rollback();
    }
  }

  private static String count(World world, Side side, String catalog) throws SQLException {
    PostgresServer server = world.server(side);
    return Pairs.value(server, world.name(), "SELECT count(*) FROM " + catalog);
  }

  private static void execute(Connection connection, String sql) {
    try {
      connection.createStatement().execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }
}
