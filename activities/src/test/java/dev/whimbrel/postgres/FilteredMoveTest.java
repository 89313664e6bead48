package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A database moves without some of its tables, under writers, and back. */
@Needs(Program.PG_DUMP)
class FilteredMoveTest {
  private static final String NAME = "filtered";
  private static final TablesSpec TABLES =
      new TablesSpec(
          List.of(),
          List.of("audit.*", "public.\"Old \"*", "public.tmp_*"),
          List.of("public.cache"));

  private static final TablesSpec NOTHING_NOW =
      new TablesSpec(List.of(), List.of("public.nothing_*"), List.of());

  private static final String[] SCHEMA = {
    Load.SCHEMA,
    "CREATE TABLE customer (id int PRIMARY KEY, name text)",
    "INSERT INTO customer SELECT n, 'c' || n FROM generate_series(1, 100) n",
    "CREATE SCHEMA audit",
    "CREATE TABLE audit.log (id bigserial PRIMARY KEY, customer int CONSTRAINT of_customer REFERENCES customer, line text)",
    "CREATE INDEX log_line ON audit.log (line)",
    "CREATE STATISTICS audit.log_stat ON customer, line FROM audit.log",
    "CREATE FUNCTION audit.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER fire BEFORE INSERT ON audit.log FOR EACH ROW EXECUTE FUNCTION audit.fire()",
    "CREATE POLICY everything ON audit.log USING (true)",
    "COMMENT ON TABLE audit.log IS 'left out'",
    "COMMENT ON COLUMN audit.log.line IS 'left out'",
    "GRANT SELECT ON audit.log TO app",
    "CREATE RULE nothing AS ON DELETE TO audit.log DO INSTEAD NOTHING",
    "INSERT INTO audit.log (customer, line) SELECT n, 'line' FROM generate_series(1, 50) n",
    "CREATE TABLE audit.raw (line text)",
    "CREATE TABLE audit.day (at date NOT NULL) PARTITION BY RANGE (at)",
    "CREATE TABLE audit.day_1 PARTITION OF audit.day DEFAULT",
    "CREATE VIEW audit.recent AS SELECT * FROM audit.log",
    "CREATE MATERIALIZED VIEW audit.daily AS SELECT count(*) FROM audit.log",
    "CREATE SEQUENCE audit.free",
    "CREATE TABLE \"Old Orders\" (id int PRIMARY KEY)",
    "INSERT INTO \"Old Orders\" SELECT generate_series(1, 10)",
    "CREATE TABLE tmp_0 (id serial PRIMARY KEY)",
    "CREATE TABLE cache (id serial PRIMARY KEY, key text UNIQUE, value text)",
    "CREATE INDEX cache_value ON cache (value)",
    "INSERT INTO cache (key, value) SELECT 'k' || n, 'of the source' FROM generate_series(1, 20) n",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app"
  };

  private static Pairs pair;

  private final Secrets secrets = new Secrets();
  private final PostgresSwitchover switchover = new PostgresSwitchover(secrets);

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 18);
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      server.createDatabase(NAME);
      server.execute(NAME, "CREATE ROLE app LOGIN");
    }
    pair.source().execute(NAME, SCHEMA);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void movesAndComesBackWithoutWhatTheRunbookLeavesOut() throws Exception {
    Move move = pair.move(NAME).choosing(TABLES);
    Carriage carriage = new Carriage(pair, move);
    planSaysIt(new PostgresPreflight(secrets).preflight(move));

    try (Load load = writers()) {
      try (Job job = new Job()) {
        assertSame(carriage.carry());
        assertSame(verify(move, Side.SOURCE));
        // An approval rests on the line: it must not come and go with what a job makes.
        assertThat(verify(move.choosing(NOTHING_NOW), Side.SOURCE).notCompared())
            .contains("left out by the runbook: public.nothing_*");
        job.awaitSome();
        assertSame(compareWhileSomethingIsMade(move));
      }
      nothingOfItIsOnTheTarget();
      truncatesBothWithAndWithoutWhatRefersToIt(move);
      abortsForATableThatMovesAndForNoneThatStays(move);

      comesAgainForWhatStaysAndAsksForWhatMoves(move);
      seesWhatComesToMoveWhileItWaits(move);

      HandOver there = heldUp(move, "CREATE TABLE audit.counted (id serial PRIMARY KEY)");
      assertThat(there.handedOver()).isTrue();
      everyTableOfTheSourceIsClosed();
      source("SET whimbrel.same_change = on", "ALTER TABLE audit.log ADD COLUMN in_the_window int");
      target("INSERT INTO cache (key, value) VALUES ('k1', 'of the target')");
      assertSame(verify(move, Side.TARGET));
      assertThat(obstacle(move)).isNull();
      tableOfALeftOutNameIsMissedOnTheSource(move);

      HandOver back = switchover.settle(to(move, Side.SOURCE));
      assertThat(back.handedOver()).isTrue();
      load.stop();
      try (Connection truth = pair.source().connect(NAME)) {
        assertThat(load.faults(truth)).isEmpty();
      }
    }

    assertThat(source("SELECT count(*) FROM audit.log")).isEqualTo("0");
    assertThat(source("SELECT count(*) FROM \"Old Orders\"")).isEqualTo("10");
    assertThat(source("SELECT string_agg(DISTINCT value, '') FROM cache"))
        .isEqualTo("of the source");
    assertThat(source("INSERT INTO audit.raw VALUES ('open again') RETURNING line"))
        .isEqualTo("open again");
    keepsRowsThatAreNowhereElse(move);
  }

  private static void planSaysIt(PreflightReport plan) {
    assertThat(plan.blockers()).isEmpty();
    assertThat(plan.findings())
        .anyMatch(
            finding ->
                finding.check().equals("left-out")
                    && finding
                        .message()
                        .contains(
                            "audit.daily, audit.day, audit.day_1, audit.free, audit.log,"
                                + " audit.log_id_seq, audit.raw, audit.recent, public.\"Old Orders\", public.tmp_0, public.tmp_0_id_seq."))
        .anyMatch(
            finding ->
                finding.check().equals("key-from-left-out")
                    && finding
                        .line()
                        .startsWith("audit.log: refers to public.customer, which moves"))
        .anyMatch(
            finding ->
                finding.check().equals("rows-left-out")
                    && finding.message().startsWith("the rows of public.cache do not move"));
  }

  private static void assertSame(VerificationReport report) {
    assertThat(report.findings()).isEmpty();
    assertThat(report.differences()).isZero();
    assertThat(report.notCompared())
        .contains("left out by the runbook: audit.*, public.\"Old \"*, public.tmp_*")
        .anyMatch(line -> line.endsWith("cache: the runbook leaves its rows out"));
  }

  private static void nothingOfItIsOnTheTarget() throws SQLException {
    assertThat(
            target(
                "SELECT coalesce(string_agg(relname, ' '), 'none') FROM pg_class"
                    + " WHERE relnamespace = 'audit'::regnamespace OR relname ~ '^(Old|tmp_)'"))
        .isEqualTo("none");
    assertThat(target("SELECT count(*) FROM pg_proc WHERE proname = 'fire'")).isEqualTo("1");
    assertThat(target("SELECT count(*) FROM cache")).isEqualTo("0");
    assertThat(target("SELECT count(*) FROM pg_indexes WHERE tablename = 'cache'")).isEqualTo("3");
    assertThat(target("SELECT last_value > 1000 FROM cache_id_seq")).isEqualTo("t");
    assertThat(
            source(
                "SELECT string_agg(tablename, ' ' ORDER BY tablename COLLATE \"C\") FROM"
                    + " pg_publication_tables WHERE schemaname <> 'whimbrel'"))
        .isEqualTo("counter customer entry event_0 event_1 Übung x");
  }

  /** Only what moves is in the stream; a table that refers to it and stays holds nothing up. */
  private void truncatesBothWithAndWithoutWhatRefersToIt(Move move) throws SQLException {
    source("TRUNCATE customer CASCADE");
    source("TRUNCATE \"Übung x\", audit.raw");

    Wait.until(
        "the stream has emptied the table",
        Duration.ofSeconds(30),
        () -> target("SELECT count(*) FROM customer").equals("0"));
    assertSame(verify(move, Side.SOURCE));
  }

  private void abortsForATableThatMovesAndForNoneThatStays(Move move) throws SQLException {
    assertThat(switchover.prepareSwitchover(move).canGoBack()).isTrue();
    source("CREATE TABLE fresh (id int PRIMARY KEY)");
    assertThatThrownBy(() -> switchover.handOver(to(move, Side.TARGET)))
        .hasMessageContaining("public.fresh");
    source("DROP TABLE fresh");

    source(
        "ALTER TABLE audit.log ADD COLUMN since int",
        "CREATE TABLE audit.later (id serial PRIMARY KEY)",
        "CREATE TABLE audit.day_2 PARTITION OF audit.day FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "DROP SEQUENCE audit.free");
  }

  /** What comes and goes while writers wait: the next attempt finds what does not move. */
  private void comesAgainForWhatStaysAndAsksForWhatMoves(Move move) throws SQLException {
    source("CREATE TABLE audit.passing (id int)");
    for (String change : List.of("CREATE TABLE audit.tmp (id int)", "DROP TABLE audit.passing")) {
      assertThatThrownBy(() -> whilePaused(change).handOver(to(move, Side.TARGET)))
          .as(change)
          .hasMessageContaining(
              "a table of the source that does not move was made or dropped just then")
          .extracting(e -> ((ApplicationFailure) e).getType())
          .isEqualTo(Failures.TRANSIENT);
    }
    source("CREATE TABLE audit.heir (id int NOT NULL)");
    for (String change :
        List.of("ALTER TABLE audit.heir INHERIT \"Übung x\"", "CREATE TABLE fresh (id int)")) {
      assertThatThrownBy(() -> whilePaused(change).handOver(to(move, Side.TARGET)))
          .as(change)
          .hasMessageContaining("The catalog of the source is no longer the one")
          .extracting(e -> ((ApplicationFailure) e).getType())
          .isEqualTo(Failures.NEEDS_HELP);
      source("DROP TABLE IF EXISTS audit.heir, fresh");
    }
  }

  /** What an attempt has seen to stay may be given another name before it locks the tables. */
  private void seesWhatComesToMoveWhileItWaits(Move move) throws SQLException {
    source("CREATE TABLE audit.passing (id int)");
    assertThatThrownBy(() -> heldUp(move, "ALTER TABLE audit.passing SET SCHEMA public"))
        .hasMessageContaining("The catalog of the source is no longer the one");
    source("DROP TABLE passing", "CREATE VIEW seen AS SELECT * FROM audit.raw");
    assertThatThrownBy(() -> switchover.handOver(to(move, Side.TARGET)))
        .hasMessageContaining("The runbook leaves out what is needed: view public.seen needs");
    source("DROP VIEW seen");
  }

  /** Does something on the source when the attempt has looked, and waits for a transaction. */
  private HandOver heldUp(Move move, String change) throws Exception {
    try (Connection holder = pair.source().connect(NAME);
        java.sql.Statement statement = holder.createStatement()) {
      holder.setAutoCommit(false);
      statement.execute("LOCK TABLE \"Old Orders\" IN ROW EXCLUSIVE MODE");
      Wait.until(
          "the transaction is old enough to be waited for",
          Duration.ofSeconds(30),
          () ->
              source(
                      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LOCK TABLE \"Old%'"
                          + " AND xact_start < clock_timestamp() - interval '3 s'")
                  .equals("1"));
      CompletableFuture<HandOver> attempt =
          CompletableFuture.supplyAsync(() -> switchover.handOver(to(move, Side.TARGET)));
      Wait.until(
          "the attempt waits for it",
          Duration.ofSeconds(30),
          () ->
              source(
                      "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %'"
                          + " AND query LIKE 'SELECT ''session'', a.pid%' AND pid <> pg_backend_pid()")
                  .equals("t"));
      source(change);
      holder.rollback();
      return attempt.get(60, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw (Exception) Objects.requireNonNull(e.getCause());
    }
  }

  private PostgresSwitchover whilePaused(String sql) {
    return new PostgresSwitchover(
        secrets,
        point -> {
          if (point == Checkpoints.Point.PAUSED) {
            pair.source().execute(NAME, sql);
          }
        });
  }

  private static void everyTableOfTheSourceIsClosed() {
    for (String table :
        List.of(
            "audit.log (line)",
            "audit.raw",
            "audit.day",
            "audit.day_1",
            "audit.later (id)",
            "audit.counted (id)",
            "\"Old Orders\"",
            "cache (key)",
            "customer (name)")) {
      assertThatThrownBy(() -> source("INSERT INTO " + table + " SELECT NULL"))
          .as(table)
          .hasStackTraceContaining("this database is closed");
    }
    assertThatThrownBy(() -> source("TRUNCATE audit.raw"))
        .hasStackTraceContaining("this database is closed");
  }

  /** On the target nothing is left out, whatever it is called. */
  private void tableOfALeftOutNameIsMissedOnTheSource(Move move) throws SQLException {
    target("CREATE TABLE audit.made (id int PRIMARY KEY)");
    assertThat(obstacle(move)).contains("the source lacks table audit.made");
    target("DROP TABLE audit.made", "CREATE TABLE audit.raw (line text PRIMARY KEY)");
    assertThat(obstacle(move)).contains("audit.raw");
    assertThatThrownBy(() -> switchover.settle(to(move, Side.SOURCE)))
        .hasMessageContaining("leaves out audit.raw");
    target("DROP TABLE audit.raw");
    assertThat(obstacle(move)).isNull();
  }

  private void keepsRowsThatAreNowhereElse(Move move) throws SQLException {
    PostgresSchema schema = new PostgresSchema(secrets);
    switchover.unprepareSwitchover(move);
    new PostgresReplication(secrets).unsubscribe(move);

    assertThatThrownBy(() -> schema.dropSchema(move))
        .hasMessageContaining("the target is kept: rows of public.cache were written there");
    PostgresPreflight preflight = new PostgresPreflight(secrets);
    for (int call = 0; call < 2; call++) {
      assertThatThrownBy(() -> preflight.release(move))
          .hasMessageContaining("the target stays claimed and closed");
    }
    assertThat(source("SELECT to_regnamespace('whimbrel') IS NULL")).isEqualTo("t");
    assertThatThrownBy(() -> target("INSERT INTO customer VALUES (1)"))
        .hasStackTraceContaining("this database is closed");
    assertThat(preflight.preflight(move).blockers())
        .extracting(Finding::line)
        .contains(
            "target: was kept, closed, by a rollback of this migration: it may hold rows that are"
                + " nowhere else. Fix: copy what is wanted, then DROP DATABASE filtered; and make it"
                + " anew (or drop all of its schemas, whimbrel the last), or name another database in the"
                + " runbook");
    Move other =
        new Move(
            "other",
            move.source(),
            move.target(),
            move.connect(),
            List.of(),
            move.jobs(),
            move.maxLag());
    assertThat(preflight.preflight(other).blockers())
        .extracting(Finding::line)
        .anyMatch(
            line ->
                line.startsWith(
                    "target: was kept, closed, by a rollback of migration filtered: it may hold rows"))
        .noneMatch(line -> line.contains("whimbrel status filtered"));
    Inspected inspected =
        new Inspection(secrets)
            .look(
                RunbookFile.parse(
                    """
                    name: filtered
                    source: {postgres: {url: "%s"}}
                    target: {postgres: {url: "%s"}}
                    connect: [manual]
                    """
                        .formatted(pair.source().url(NAME), pair.target().url(NAME))));
    assertThat(inspected.headline())
        .startsWith("WRITES GO TO: source (rolled back at ")
        .endsWith("The target was kept, closed, and nothing follows to it.");
    assertThat(inspected.ways()).isEmpty();
    assertThat(target("SELECT value FROM cache")).isEqualTo("of the target");
    assertThat(target("SELECT count(*) > 0 FROM entry")).isEqualTo("t");
    target(
        "DROP EVENT TRIGGER whimbrel_ddl",
        "ALTER TABLE cache DISABLE TRIGGER USER",
        "DELETE FROM cache");
    assertThat(schema.dropSchema(move).line())
        .startsWith("what this migration created on the target is dropped");
    assertThat(target("SELECT to_regclass('cache') IS NULL")).isEqualTo("t");
    assertThat(preflight.release(move).line())
        .isEqualTo("neither database is claimed by filtered any more");
  }

  private static Load writers() {
    return new Load(
            side ->
                (side == Side.TARGET ? pair.target() : pair.source()).connect(NAME, "app", null),
            true)
        .start(4);
  }

  private VerificationReport verify(Move move, Side truth) {
    return new PostgresVerification(secrets, progress -> {}).verify(new VerifyRequest(move, truth));
  }

  /** What stays may be made behind the first look of a comparison. */
  private VerificationReport compareWhileSomethingIsMade(Move move) throws SQLException {
    ComparedSides sides =
        new MeddledSides(
            new LiveSides(new Databases(secrets), new VerifyRequest(move, Side.SOURCE)),
            () -> source("CREATE TABLE IF NOT EXISTS audit.meanwhile (id serial PRIMARY KEY)"));
    return new Comparison(sides, "fast", Breath.NONE, Cuts.USUAL, 2).run(progress -> {});
  }

  /** Makes and drops a table that stays, again and again. */
  private static final class Job implements AutoCloseable {
    private final AtomicLong done = new AtomicLong();
    private final CompletableFuture<Void> running = CompletableFuture.runAsync(this::run);
    private volatile boolean stop;

    private void run() {
      while (!stop) {
        pair.source()
            .execute(
                NAME,
                "CREATE TABLE tmp_1 (id serial PRIMARY KEY); SELECT pg_sleep(0.1)",
                "CREATE VIEW audit.of_tmp AS SELECT * FROM tmp_1",
                "DROP TABLE tmp_1 CASCADE; SELECT pg_sleep(0.1)");
        done.incrementAndGet();
      }
    }

    void awaitSome() {
      long from = done.get();
      Wait.until("the job goes on", Duration.ofSeconds(30), () -> done.get() > from);
    }

    @Override
    public void close() {
      stop = true;
      running.join();
    }
  }

  private @Nullable String obstacle(Move move) throws SQLException {
    return new WayBackWatch(new Databases(secrets), move, Pace.USUAL).look().obstacle();
  }

  private static SwitchoverRequest to(Move move, Side side) {
    return new SwitchoverRequest(
        move, side, Duration.ofSeconds(5), Duration.ofSeconds(30), null, "a test asked for it");
  }

  private static String source(String... sql) throws SQLException {
    return run(pair.source(), sql);
  }

  private static String target(String... sql) throws SQLException {
    return run(pair.target(), sql);
  }

  /** Runs all of it in one session; the last one's first value. */
  private static String run(PostgresServer server, String... sql) throws SQLException {
    try (Connection connection = server.connect(NAME);
        java.sql.Statement statement = connection.createStatement()) {
      String value = "";
      for (String one : sql) {
        if (statement.execute(one)) {
          try (java.sql.ResultSet row = statement.getResultSet()) {
            value = row.next() ? String.valueOf(row.getString(1)) : "";
          }
        }
      }
      return value;
    }
  }
}
