package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who comes while the soak goes on is seen, and judged before anybody approves. */
class UsersThroughTheSoakTest {
  private static final Duration SOAK = Duration.ofSeconds(5);

  private static Pairs pair;

  private final PostgresPreflight preflight = new PostgresPreflight(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  @BeforeAll
  static void start() {
    pair =
        new Pairs(
            PostgresServer.version(15)
                .set("shared_preload_libraries", "pg_stat_statements")
                .start(),
            PostgresServer.start(16));
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void seesAWriterThatNobodyMakesFollowUntilItsLoginIsTakenAway() throws Exception {
    Move move = streamed("visited", List.of("CREATE ROLE clerk LOGIN"));
    pair.source().execute("visited", "GRANT INSERT ON t TO clerk");

    SoakReport soaked;
    UserReport judged;
    try (Connection clerk = pair.source().connect("visited", "clerk", null)) {
      clerk.createStatement().execute("SET application_name = 'till'");
      soaked = soakUnderWrites(move, "visited");
      judged = preflight.judgeUsers(new UsersRequest(move, List.of()));
    }
    UserReport afterItLeft = preflight.judgeUsers(new UsersRequest(move, soaked.users()));
    pair.source().execute("visited", "ALTER ROLE clerk NOLOGIN");
    UserReport mended = preflight.judgeUsers(new UsersRequest(move, soaked.users()));

    DatabaseUser clerk = new DatabaseUser("clerk", "127.0.0.1", "till", true, "nothing");
    assertThat(soaked.users()).contains(clerk);
    assertThat(judged.users()).contains(clerk);
    for (UserReport report : List.of(judged, afterItLeft)) {
      assertThat(report.findings())
          .contains(
              new Finding(
                  Finding.Level.BLOCKER,
                  "writer-left-alone",
                  "clerk at 127.0.0.1",
                  "can write to the source (till), and nothing makes it follow.",
                  "in the runbook: connect: [manual], or a connect entry that covers it, or"
                      + " leftBehind: [{role: clerk, because: \"…\"}]"));
    }
    assertThat(mended.findings().toString()).doesNotContain("clerk");
    replication.unsubscribe(move);
  }

  @Test
  void findsByItsStatementsWhoseConnectionsAreTooShortToBeSeen() throws Exception {
    Move move =
        streamed(
            "rushed", List.of("CREATE ROLE courier LOGIN", "CREATE EXTENSION pg_stat_statements"));
    UserSampling sampling;
    SeenUsers seen = new SeenUsers();
    try (Connection source = pair.source().connect("rushed");
        Connection target = pair.target().connect("rushed")) {
      sampling =
          new UserSampling(
              new Look(move, source, target), new Databases(new Secrets()), new Findings());
      sampling.statements(seen);
      try (Connection courier = pair.source().connect("rushed", "courier", null)) {
        courier.createStatement().execute("SELECT 1");
      }
      Wait.until(
          "the courier is gone",
          Duration.ofSeconds(10),
          () ->
              Pairs.value(
                      pair.source(),
                      "rushed",
                      "SELECT count(*) FROM pg_stat_activity WHERE usename = 'courier'")
                  .equals("0"));
      sampling.sessions(seen);
      sampling.statements(seen);
    }

    assertThat(seen.all())
        .filteredOn(user -> user.role().equals("courier"))
        .containsExactly(
            new DatabaseUser("courier", "not seen", "pg_stat_statements", false, "nothing"));
    replication.unsubscribe(move);
  }

  private Move streamed(String name, List<String> setUp) throws Exception {
    Move move = pair.database(name);
    pair.source().execute(name, setUp.toArray(String[]::new));
    pair.source().execute(name, "CREATE TABLE t (id bigserial PRIMARY KEY)");
    pair.target().execute(name, "CREATE TABLE t (id bigserial PRIMARY KEY)");
    preflight.claim(alone(move));
    replication.subscribe(alone(move));
    replication.awaitCopied(alone(move));
    return alone(move);
  }

  /** Nothing makes anybody follow. */
  private static Move alone(Move move) {
    return new Move(
        move.migration(),
        move.source(),
        move.target(),
        List.of(),
        List.of(),
        move.jobs(),
        move.maxLag());
  }

  private SoakReport soakUnderWrites(Move move, String database) throws Exception {
    CompletableFuture<SoakReport> soak =
        CompletableFuture.supplyAsync(() -> replication.soak(new SoakRequest(move, SOAK)));
    while (!soak.isDone()) {
      pair.source().execute(database, "INSERT INTO t DEFAULT VALUES");
    }
    return soak.get();
  }
}
