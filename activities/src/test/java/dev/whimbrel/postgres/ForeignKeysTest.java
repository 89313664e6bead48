package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Needs(Program.PG_DUMP_18)
class ForeignKeysTest {
  private static final String NOT_VALID =
      "SELECT coalesce(string_agg(conname, ' ' ORDER BY conname), 'none') FROM pg_constraint"
          + " WHERE contype = 'f' AND NOT convalidated";

  private static final Databases DATABASES = new Databases(new Secrets());

  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void areValidOnTheTargetWhereTheyAreOnTheSource() throws Exception {
    Move move = related("related");

    schema.createRest(move);

    assertThat(onTarget("related", NOT_VALID)).isEqualTo("never looked at");
    assertThat(onTarget("related", "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"))
        .isEqualTo(onSource("related", "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"));
    assertThat(Corpus.schema(pair.target(), "related"))
        .isEqualTo(Corpus.reference(pair, "related"));
  }

  @Test
  void areValidatedByALaterAttemptWhereOneHasFailed() throws Exception {
    Move move = related("orphan");
    pair.target().execute("orphan", "INSERT INTO \"Line Items\" VALUES (9, 1, 77)");

    assertThatThrownBy(() -> schema.createRest(move))
        .hasMessageContaining(
            "Cannot validate on the target foreign key \"of an order\" of public.\"Line Items\""
                + " (Key (order)=(77) is not present in table \"orders\".)");
    assertThat(onTarget("orphan", NOT_VALID)).contains("of an order");
    assertThat(onTarget("orphan", NOT_VALID)).doesNotContain("of itself").doesNotContain("value");
    pair.target().execute("orphan", "DELETE FROM \"Line Items\" WHERE id = 9");
    schema.createRest(move);

    assertThat(onTarget("orphan", NOT_VALID)).isEqualTo("never looked at");
  }

  @Test
  void areValidatedBesideAWriter() throws Exception {
    Move move = related("busy");
    notYetValidated("busy");

    try (Connection writer = pair.target().connect("busy");
        Statement statement = writer.createStatement()) {
      writer.setAutoCommit(false);
      statement.execute("INSERT INTO orders VALUES (99), (100)");
      statement.execute("INSERT INTO \"Line Items\" VALUES (99, 99, 100)");
      validate(move);
      writer.commit();
    }

    assertThat(onTarget("busy", NOT_VALID)).isEqualTo("none");
  }

  @Test
  @Timeout(60)
  void areValidatedThoughAWorkerThatIsGoneStillHoldsATable() throws Exception {
    Move move = related("frozen");
    notYetValidated("frozen");

    try (Connection frozen = new CopySessions(DATABASES, move).target();
        Statement statement = frozen.createStatement()) {
      frozen.setAutoCommit(false);
      statement.execute("LOCK TABLE public.\"Line Items\" IN SHARE UPDATE EXCLUSIVE MODE");
      validate(move);
      assertThatThrownBy(() -> statement.execute("SELECT 1"))
          .hasMessageContaining("terminating connection due to administrator command");
    }

    assertThat(onTarget("frozen", NOT_VALID)).isEqualTo("none");
  }

  /** The stream writes to a parent and then to its child; the key locks the child first. */
  @Test
  @Timeout(120)
  void areCreatedThoughTheStreamMeetsThemInADeadlock() throws Exception {
    Move move = pair.database("crossed");
    pair.source()
        .execute(
            "crossed",
            "CREATE TABLE parents (id int PRIMARY KEY)",
            "CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents)");
    schema.createTables(move);
    schema.createKeys(move);
    // Time for the stream to come into the way; whoever creates the key is the victim.
    pair.target().execute("crossed", "ALTER DATABASE crossed SET deadlock_timeout = '20s'");

    try (Connection stream = pair.target().connect("crossed");
        Statement statement = stream.createStatement()) {
      statement.execute("SET deadlock_timeout = '100s'");
      stream.setAutoCommit(false);
      statement.execute("INSERT INTO parents VALUES (1)");
      CompletableFuture<Outcome> rest =
          CompletableFuture.supplyAsync(() -> schema.createRest(move));
      Wait.until(
          "the key waits for the parents",
          Duration.ofSeconds(60),
          () ->
              onTarget(
                      "crossed",
                      "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'parents'::regclass"
                          + " AND database = (SELECT oid FROM pg_database WHERE datname = 'crossed')")
                  .equals("1"));
      statement.execute("INSERT INTO children VALUES (1, 1)");
      stream.commit();
      rest.get(60, TimeUnit.SECONDS);
    }

    assertThat(onTarget("crossed", NOT_VALID)).isEqualTo("none");
    Wait.until(
        "the deadlock is counted",
        Duration.ofSeconds(60),
        () ->
            onTarget("crossed", "SELECT deadlocks FROM pg_stat_database WHERE datname = 'crossed'")
                .equals("1"));
  }

  /** As an attempt leaves it that died in between. */
  private static void notYetValidated(String name) {
    pair.target()
        .execute(
            name,
            "ALTER TABLE \"Line Items\" ADD CONSTRAINT \"of an order\" FOREIGN KEY (\"order\") REFERENCES orders NOT VALID");
  }

  private static void validate(Move move) throws SQLException {
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      target.setAutoCommit(false);
      ForeignKeys.validate(source, target, DATABASES, move);
    }
  }

  /** Foreign keys of every kind, and their tables and rows on both sides. */
  private Move related(String name) throws SQLException {
    Move move = pair.database(name);
    pair.source()
        .execute(
            name,
            "CREATE TABLE orders (id int PRIMARY KEY, before int CONSTRAINT \"of itself\" REFERENCES orders)",
            """
            CREATE TABLE "Line Items" (id int PRIMARY KEY, first int REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
              "order" int CONSTRAINT "of an order" REFERENCES orders ON DELETE CASCADE)""",
            "ALTER TABLE \"Line Items\" ADD CONSTRAINT \"never looked at\" FOREIGN KEY (id) REFERENCES orders NOT VALID",
            "CREATE TABLE json (id int PRIMARY KEY, o int CONSTRAINT json_value REFERENCES orders)",
            "CREATE TABLE events (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
            "CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1)",
            "ALTER TABLE events ADD CONSTRAINT \"from parts\" FOREIGN KEY (id) REFERENCES orders",
            "CREATE TABLE notes (event int, part int, CONSTRAINT \"to parts\" FOREIGN KEY (event, part) REFERENCES events)",
            "CREATE TABLE part_notes (event int, part int, FOREIGN KEY (event, part) REFERENCES events_1)");
    schema.createTables(move);
    schema.createKeys(move);
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      server.execute(
          name,
          "INSERT INTO orders SELECT i, nullif(i - 1, 0) FROM generate_series(1, 50) i",
          "INSERT INTO \"Line Items\" SELECT i, i, i FROM generate_series(1, 8) i",
          "INSERT INTO json VALUES (1, 1)",
          "INSERT INTO events SELECT i, 1 FROM generate_series(1, 8) i",
          "INSERT INTO notes VALUES (1, 1)",
          "INSERT INTO part_notes VALUES (2, 1)");
    }
    return move;
  }

  private static String onSource(String database, String sql) throws SQLException {
    return Pairs.value(pair.source(), database, sql);
  }

  private static String onTarget(String database, String sql) throws SQLException {
    return Pairs.value(pair.target(), database, sql);
  }
}
