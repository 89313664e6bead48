package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityOptions;
import io.temporal.failure.CanceledFailure;
import io.temporal.testing.TestActivityEnvironment;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class RoundsTest {
  private static StreamedShop shop;
  private static ShopLoad load;

  private final TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
  private final List<VerificationReport> shown = new CopyOnWriteArrayList<>();

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
    load = new ShopLoad(shop.source);
  }

  @AfterAll
  static void stop() throws SQLException {
    load.close();
    shop.close();
  }

  @AfterEach
  void close() {
    environment.close();
  }

  @Test
  void goOnWhileNothingDiffersAndHandOverTheirLatestReportWhenTheyAreStopped() {
    stopWhen(progress -> progress.looks() != null && progress.looks() >= 3);

    VerificationReport report = worker().keepVerifying(request(Duration.ofMillis(50)));

    assertThat(report.differences()).isZero();
    assertThat(report.rows()).isGreaterThan(46_000);
    assertThat(report.at()).isAfterOrEqualTo(shown.get(shown.size() - 1).at());
  }

  @Test
  void areSimplyStoppedBeforeTheFirstReport() {
    stopWhen(progress -> true);

    assertThatThrownBy(() -> worker().keepVerifying(request(Duration.ofHours(1))))
        .isInstanceOf(CanceledFailure.class);
  }

  @Test
  void endWithWhatTwoRoundsHaveFound() throws SQLException {
    shop.damage("update customers set balance = balance + 0.01 where id = 15001");
    stopWhen(progress -> false);
    try {
      VerificationReport report = worker().keepVerifying(request(Duration.ofSeconds(2)));

      assertThat(report.findings())
          .containsExactly("public.customers (id)=(15001): differs in balance");
      assertThat(report.differing()).hasSize(1);
      assertThat(shown)
          .isNotEmpty()
          .allMatch(before -> before.differences() == 1)
          .allMatch(before -> before.differing().isEmpty())
          .allMatch(before -> before.at().isBefore(report.at()));
      assertThat(
              Pairs.value(
                  shop.source,
                  "shop",
                  "select cast('%s' as timestamptz) < max(written_at) from whimbrel.marker_forward"
                      .formatted(report.at())))
          .as("the age counts from before the round's first marker")
          .isEqualTo("t");
    } finally {
      shop.damage("update customers set balance = balance - 0.01 where id = 15001");
    }
  }

  @Test
  void askAtOnceWhereOnlyAPersonCanHelp() {
    Move move = shop.move();
    PostgresSpec missing = new PostgresSpec(shop.target.url("missing"), null, null, null);
    Move broken =
        new Move("shop", move.source(), missing, List.of(), List.of(), 2, Duration.ofSeconds(1));
    stopWhen(progress -> progress.line().startsWith("the databases could not be compared"));

    assertThatThrownBy(
            () ->
                worker()
                    .keepVerifying(
                        new RoundsRequest(
                            new VerifyRequest(broken, Side.SOURCE, "fast"), Duration.ofMillis(50))))
        .hasStackTraceContaining("Cannot compare both databases")
        .hasStackTraceContaining("database \"missing\" does not exist");
  }

  @Test
  void believeOnlyWhatTwoRoundsHaveFoundAlike() {
    VerificationReport one = found(1, "orders (id)=(1): differs");
    VerificationReport other = found(1, "orders (id)=(2): differs");
    VerificationReport both = found(2, "orders (id)=(2): differs", "orders (id)=(3): differs");

    assertThat(Rounds.believed(null, one)).isFalse();
    assertThat(Rounds.believed(found(0), one)).isFalse();
    assertThat(Rounds.believed(one, found(0))).isFalse();
    assertThat(Rounds.believed(one, other)).isFalse();
    assertThat(Rounds.believed(other, both)).isTrue();
    assertThat(Rounds.believed(found(101, "a"), found(101, "b"))).isTrue();
    assertThat(Rounds.believed(found(101, "a"), found(100, "b"))).isFalse();
  }

  @Test
  void lookSoonAgainOnlyWhereRowsDiffer() {
    VerificationReport rows = found(1, "orders (id)=(1): differs");
    VerificationReport catalogs = found(0, "index public.i: invalid on the target");

    assertThat(Rounds.before(null, Duration.ofHours(1))).isEqualTo(Duration.ofHours(1));
    assertThat(Rounds.before(rows, Duration.ofHours(1))).isEqualTo(Duration.ofMinutes(1));
    assertThat(Rounds.before(rows, Duration.ofSeconds(2))).isEqualTo(Duration.ofSeconds(2));
    assertThat(Rounds.before(catalogs, Duration.ofHours(1))).isEqualTo(Duration.ofHours(1));
  }

  /** A round that rests behind a busy source, or is long, may meet a second hiccup hours later. */
  @Test
  void askNobodyForTwoFailuresThatAreHoursApart() {
    Instant first = Instant.EPOCH;
    Rounds.Failing hiccups = new Rounds.Failing(first, first, Duration.ZERO);
    Rounds.Failing outage = hiccups;
    for (int i = 1; i <= 3; i++) {
      hiccups = hiccups.again(first.plus(Duration.ofHours(2L * i)));
    }
    for (int i = 1; i <= 30; i++) {
      outage = outage.again(first.plus(Duration.ofMinutes(2L * i)));
    }

    assertThat(hiccups.tooLong()).isFalse();
    assertThat(outage.tooLong()).isFalse();
    assertThat(outage.again(first.plus(Duration.ofMinutes(61))).tooLong()).isTrue();
    assertThat(outage.since()).isEqualTo(first);
  }

  /** Else a round that fails half a day after its beginning, each time, would tell nobody. */
  @Test
  void askAtLastWhereEveryRoundFailsLate() {
    Rounds.Failing failing = new Rounds.Failing(Instant.EPOCH, Instant.EPOCH, Duration.ZERO);
    int failures = 1;
    while (!failing.tooLong()) {
      failing = failing.again(failing.last().plus(Duration.ofHours(12)));
      failures++;
    }

    assertThat(failures).isEqualTo(14);
  }

  private static VerificationReport found(long rows, String... findings) {
    return new VerificationReport(
        Instant.EPOCH,
        1,
        1,
        findings.length,
        0,
        List.of(findings),
        List.of(),
        List.of(),
        "fast",
        Side.SOURCE,
        rows,
        List.of());
  }

  /** Stops the activity at the first heartbeat that says so. */
  private void stopWhen(Predicate<Progress> said) {
    environment.setActivityHeartbeatListener(
        Progress.class,
        progress -> {
          if (progress.verification() != null) {
            shown.add(progress.verification());
          }
          if (said.test(progress)) {
            environment.requestCancelActivity();
          }
        });
  }

  private Verification worker() {
    environment.registerActivitiesImplementations(new PostgresVerification(new Secrets(Map.of())));
    return environment.newActivityStub(
        Verification.class,
        ActivityOptions.newBuilder()
            .setStartToCloseTimeout(Duration.ofMinutes(5))
            .setHeartbeatTimeout(Duration.ofSeconds(2))
            .build());
  }

  private static RoundsRequest request(Duration every) {
    return new RoundsRequest(new VerifyRequest(shop.move(), Side.SOURCE, "fast"), every);
  }
}
