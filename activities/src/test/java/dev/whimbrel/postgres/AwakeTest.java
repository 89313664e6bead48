package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** What lies between two clouds forgets sessions that are silent for minutes. */
class AwakeTest {
  private static StreamedShop shop;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
  }

  @AfterAll
  static void stop() {
    shop.close();
  }

  @Test
  void theFollowersSessionIsAskedWhileAComparisonRests() throws Exception {
    Throttle throttle = Throttle.of(throttled(new ThrottleSpec(null, 1)));
    try (Pair pair = sides().open();
        Connection first = shop.source.connect("shop");
        Connection second = shop.source.connect("shop")) {
      List<CompletableFuture<Boolean>> others =
          List.of(
              CompletableFuture.supplyAsync(() -> sleeps(first)),
              CompletableFuture.supplyAsync(() -> sleeps(second)));
      Wait.until("both are at work", Duration.ofSeconds(30), () -> sleepers("true").equals("2"));
      int session = pair.follower().unwrap(PGConnection.class).getBackendPID();
      String asked = "select max(query_start) from pg_stat_activity where pid = " + session;

      CompletableFuture<Boolean> rest = CompletableFuture.supplyAsync(() -> rests(throttle, pair));
      for (int i = 0; i < 2; i++) {
        String before = Pairs.value(shop.target, "shop", asked);
        Wait.until(
            "it is asked again",
            Duration.ofSeconds(30),
            () -> !Pairs.value(shop.target, "shop", asked).equals(before));
      }
      boolean rested = !rest.isDone();
      sleepers("pg_cancel_backend(pid)");

      assertThat(rested).isTrue();
      assertThat(rest.get(30, TimeUnit.SECONDS)).isTrue();
      assertThat(others).allSatisfy(one -> assertThat(one.get(10, TimeUnit.SECONDS)).isFalse());
    }
  }

  @Test
  void theStreamsSessionsAreOpenedAnewWhereTheyAreLostAndNotElse() throws Exception {
    LiveSides sides = sides();
    try (StreamPoint ofLive = sides.stream()) {
      assertThat(ofLive).isInstanceOf(LastingStream.class);
    }
    gone();
    try (StreamPoint stream =
        new LastingStream(sides::openForMarkers, Side.SOURCE, Duration.ZERO)) {
      String here = sessions(shop.source);
      String there = sessions(shop.target);
      stream.pass();
      stream.pass();
      assertThat(sessions(shop.source)).isEqualTo(here);
      assertThat(sessions(shop.target)).isEqualTo(there);

      shop.target.execute("postgres", "select pg_terminate_backend(%s)".formatted(there));
      stream.pass();
      Wait.until(
          "one session is left on each side, and a new one",
          Duration.ofSeconds(30),
          () ->
              sessions(shop.source).matches("\\d+")
                  && sessions(shop.target).matches("\\d+")
                  && !sessions(shop.source).equals(here)
                  && !sessions(shop.target).equals(there));
    }
    gone();
  }

  private static void gone() {
    Wait.until(
        "no session is left",
        Duration.ofSeconds(30),
        () -> sessions(shop.source).equals("null") && sessions(shop.target).equals("null"));
  }

  private static String sessions(PostgresServer server) throws SQLException {
    return Pairs.value(
        server,
        "postgres",
        "select string_agg(pid::text, ' ') from pg_stat_activity where application_name = '%s'"
            .formatted(Names.applicationName("shop", "verification")));
  }

  private static boolean rests(Throttle throttle, Pair pair) {
    try {
      throttle.awaitRoom(pair, Duration.ofSeconds(1));
      return true;
    } catch (SQLException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean sleeps(Connection connection) {
    try (Statement statement = connection.createStatement()) {
      return statement.execute("select pg_sleep(600)");
    } catch (SQLException e) {
      return false; // it was cancelled, as the test wants it
    }
  }

  private static String sleepers(String what) throws SQLException {
    return Pairs.value(
        shop.source,
        "shop",
        "select count(%s) from pg_stat_activity where query like '%%pg_sleep(600)%%' and state = 'active' and pid <> pg_backend_pid()"
            .formatted(what));
  }

  private static LiveSides sides() {
    return new LiveSides(
        new Databases(new Secrets(Map.of())), new VerifyRequest(shop.move(), Side.SOURCE, "fast"));
  }

  private static Move throttled(ThrottleSpec throttle) {
    Move move = shop.move();
    return new Move(
        move.migration(),
        move.source(),
        move.target(),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag(),
        throttle,
        null,
        null);
  }
}
