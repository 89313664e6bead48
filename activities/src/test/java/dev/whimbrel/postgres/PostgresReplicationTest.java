package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class PostgresReplicationTest {
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void carriesDataAndWhatIsWrittenMeanwhile() throws Exception {
    Move move = pair.database("shop");
    Corpus.load(pair.source(), "shop", "pagila");
    pair.source().execute("shop", "REFRESH MATERIALIZED VIEW rental_by_category");
    schema.createTables(move);
    schema.createKeys(move);

    Outcome subscribed = replication.subscribe(move);
    Outcome again = replication.subscribe(move);
    pair.source().execute("shop", "UPDATE actor SET first_name = 'NEW' WHERE actor_id <= 10");
    Outcome copied = replication.awaitCopied(move);
    Outcome caughtUp = replication.awaitCaughtUp(move);
    schema.createRest(move);
    Outcome analyzed = schema.analyze(move);

    assertThat(subscribed.line())
        .isEqualTo("21 tables subscribed, the stream runs as whimbrel_shop");
    assertThat(again.line()).isEqualTo("21 tables are subscribed already");
    assertThat(copied.line()).matches("21 of 21 tables copied, \\d+ kB");
    assertThat(caughtUp.line()).matches("a marker travels in \\d+ ms");
    assertThat(analyzed.line()).isEqualTo("23 tables analyzed");
    assertThat(onTarget("shop", "SELECT count(*) FROM actor WHERE first_name = 'NEW'"))
        .isEqualTo("10");
    assertThat(onTarget("shop", "SELECT count(*) FROM payment"))
        .isEqualTo(onSource("shop", "SELECT count(*) FROM payment"));
    assertThat(onTarget("shop", "SELECT count(*) > 0 FROM rental_by_category")).isEqualTo("t");
  }

  @Test
  void leavesNothingBehindWhenItUnsubscribes() throws Exception {
    Move move = pair.database("gone");
    Corpus.load(pair.source(), "gone", "chinook");
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);

    Outcome removed = replication.unsubscribe(move);
    Outcome again = replication.unsubscribe(move);

    assertThat(removed.line()).isEqualTo("the forward stream is removed");
    assertThat(again.line()).isEqualTo("the forward stream is removed");
    assertThat(
            onSource(
                "gone",
                "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"))
        .isEqualTo("0");
    assertThat(onSource("gone", "SELECT count(*) FROM pg_publication")).isEqualTo("0");
    assertThat(onSource("gone", "SELECT count(*) FROM pg_roles WHERE rolname = 'whimbrel_gone'"))
        .isEqualTo("0");
    assertThat(
            onTarget(
                "gone", "SELECT count(*) FROM pg_subscription WHERE subname ~ 'whimbrel_gone'"))
        .isEqualTo("0");
  }

  @Test
  void removesTheStreamFromTheTargetWhileTheSourceIsAway() throws Exception {
    try (Pairs own = Pairs.of(15, 15)) {
      Move move = own.database("away");
      own.source().execute("away", "CREATE TABLE t (id int PRIMARY KEY)");
      schema.createTables(move);
      schema.createKeys(move);
      replication.subscribe(move);
      own.source().stopFast();

      assertThatThrownBy(() -> replication.unsubscribe(move))
          .hasMessageContaining("Cannot remove the forward stream from the source");
      assertThat(Pairs.value(own.target(), "away", "SELECT count(*) FROM pg_subscription"))
          .isEqualTo("0");
      own.source().start();
      replication.unsubscribe(move);

      assertThat(Pairs.value(own.source(), "away", "SELECT count(*) FROM pg_replication_slots"))
          .isEqualTo("0");
    }
  }

  @Test
  void finishesTheCopyThoughEitherServerRestarts() throws Exception {
    try (Pairs own = Pairs.of(15, 15)) {
      Move move = own.database("restarted");
      own.source()
          .execute(
              "restarted",
              "CREATE TABLE big AS SELECT i AS id, repeat('x', 500) AS text"
                  + " FROM generate_series(1, 300000) i",
              "ALTER TABLE big ADD PRIMARY KEY (id)");
      schema.createTables(move);
      schema.createKeys(move);
      replication.subscribe(move);
      own.target().stopImmediate();
      own.target().start();
      own.source().stopImmediate();
      own.source().start();

      replication.awaitCopied(move);

      assertThat(Pairs.value(own.target(), "restarted", "SELECT count(*) FROM big"))
          .isEqualTo("300000");
    }
  }

  @Test
  void namesTheTableWhoseRowsAreInTheWay() throws Exception {
    Move move = pair.database("full");
    pair.source()
        .execute("full", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)");
    schema.createTables(move);
    schema.createKeys(move);
    pair.target().execute("full", "INSERT INTO t VALUES (1)");
    replication.subscribe(move);

    assertThatThrownBy(() -> replication.awaitCopied(move))
        .hasMessageContaining(
            "The initial copy of t fails: the table holds rows on the target already");

    replication.unsubscribe(move);
  }

  @Test
  void namesTheRowThatTheTargetRefuses() throws Exception {
    Move move = pair.database("refused");
    pair.source().execute("refused", "CREATE TABLE t (id int PRIMARY KEY, text text)");
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);
    replication.awaitCopied(move);
    pair.target().execute("refused", "INSERT INTO t VALUES (7, 'stray')");
    pair.source().execute("refused", "INSERT INTO t VALUES (7, 'real')");

    assertThatThrownBy(() -> replication.awaitCaughtUp(move))
        .hasMessageContaining(
            "The forward stream stands still at an INSERT into public.t (id = 7)");

    replication.unsubscribe(move);
  }

  /** As where a key was made that ties tables of two streams, or to one that stays empty. */
  @Test
  void namesTheTruncateThatTheTargetRefuses() throws Exception {
    Move move = pair.database("emptied");
    pair.source().execute("emptied", "CREATE TABLE t (id int PRIMARY KEY)");
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);
    replication.awaitCopied(move);
    pair.target().execute("emptied", "CREATE TABLE child (t int REFERENCES t)");
    pair.source().execute("emptied", "BEGIN; TRUNCATE t; INSERT INTO t VALUES (7); COMMIT");

    assertThatThrownBy(() -> replication.awaitCaughtUp(move))
        .hasMessageContaining(
            "The forward stream stands still at a TRUNCATE of public.t: the target refuses it, since foreign key child_t_fkey of child refers to it")
        .satisfies(
            e ->
                assertThat(((ApplicationFailure) e).getDetails().get(Failures.Help.class).command())
                    .isEqualTo(
                        "ALTER TABLE child DROP CONSTRAINT child_t_fkey; -- on the target; before the hand-over: ALTER TABLE child ADD CONSTRAINT child_t_fkey FOREIGN KEY (t) REFERENCES t(id);"));

    replication.unsubscribe(move);
  }

  /** As where a nightly job empties and fills a table. */
  @Test
  void namesTheRowThatTheTargetRefusesBehindATruncate() throws Exception {
    Move move = pair.database("refilled");
    pair.source().execute("refilled", "CREATE TABLE t (id int PRIMARY KEY)");
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);
    replication.awaitCopied(move);
    pair.target().execute("refilled", "ALTER TABLE t ADD CHECK (id < 5)");
    pair.source().execute("refilled", "BEGIN; TRUNCATE t; INSERT INTO t VALUES (7); COMMIT");

    assertThatThrownBy(() -> replication.awaitCaughtUp(move))
        .hasMessageContaining(
            "The forward stream stands still at an INSERT into public.t (id = 7)");

    replication.unsubscribe(move);
  }

  @Test
  void soaksUnderRealWritesOnly() throws Exception {
    Move move = pair.database("soaked");
    pair.source().execute("soaked", "CREATE TABLE t (id bigserial PRIMARY KEY)");
    schema.createTables(move);
    schema.createKeys(move);
    replication.subscribe(move);
    replication.awaitCopied(move);

    CompletableFuture<SoakReport> soak =
        CompletableFuture.supplyAsync(
            () -> replication.soak(new SoakRequest(move, Duration.ofSeconds(3))));
    Poll.holdsFor(Duration.ofSeconds(5), () -> !soak.isDone());
    while (!soak.isDone()) {
      pair.source().execute("soaked", "INSERT INTO t DEFAULT VALUES");
      Thread.onSpinWait();
    }

    assertThat(soak.get().line()).startsWith("lag stayed under 1000 ms for 3 s");
    replication.unsubscribe(move);
  }

  @Test
  void carriesSequencesEarlyAndNeverLowersThem() throws Exception {
    Move move = pair.database("counted");
    pair.source()
        .execute(
            "counted",
            "CREATE SEQUENCE up",
            "SELECT setval('up', 500)",
            "CREATE SEQUENCE down INCREMENT -1",
            "SELECT setval('down', -500)",
            "CREATE SEQUENCE fresh START 7");
    schema.createTables(move);

    replication.carrySequences(move);
    pair.target().execute("counted", "SELECT setval('up', 90000)");
    Outcome again = replication.carrySequences(move);

    assertThat(again.line()).isEqualTo("3 sequences carried");
    assertThat(onTarget("counted", "SELECT nextval('up')")).isEqualTo("90001");
    assertThat(onTarget("counted", "SELECT nextval('down') < -500")).isEqualTo("t");
    assertThat(onTarget("counted", "SELECT nextval('fresh')")).isEqualTo("7");
  }

  @Test
  void refusesToBreakATableWithoutAKey() throws Exception {
    Move move = pair.database("keyless");
    pair.source().execute("keyless", "CREATE TABLE orders (id int)");

    assertThatThrownBy(() -> replication.subscribe(move))
        .hasMessageContaining(
            "without a primary key, UPDATE and DELETE would fail on the source in public.orders");
    assertThat(onSource("keyless", "SELECT count(*) FROM pg_publication")).isEqualTo("0");
  }

  private static String onSource(String database, String sql) throws Exception {
    return Pairs.value(pair.source(), database, sql);
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
