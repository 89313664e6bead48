package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.CanaryRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.sql.Connection;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProveCanaryTest {
  private static PostgresServer source;
  private static PostgresServer target;

  /** What both stacks share, until a test lets them not. */
  private final Set<String> sessions = ConcurrentHashMap.newKeySet();

  private BothSides service;

  @BeforeAll
  static void startDatabases() {
    source = PostgresServer.start(16);
    target = PostgresServer.start(16);
  }

  @AfterAll
  static void stopDatabases() {
    source.close();
    target.close();
  }

  @BeforeEach
  void startService() throws IOException {
    service = new BothSides();
    for (Side side : Side.values()) {
      service.let(side, exchange -> ShopStack.serve(exchange, source, Duration.ZERO, sessions));
    }
  }

  @AfterEach
  void stopService() {
    service.close();
  }

  @Test
  void provesThatBothStacksUseTheSourceAndMeasuresWhatTheTargetAdds() {
    service.let(
        Side.TARGET,
        exchange -> ShopStack.serve(exchange, source, Duration.ofMillis(150), sessions));

    CanaryProof proof = prove(canary(true, true, Duration.ofMinutes(1)));

    assertThat(proof.findings()).isEmpty();
    // A busy machine slows both stacks, and never equally.
    assertThat(proof.addedMillis()).isBetween(75L, 5_000L);
    assertThat(proof.line())
        .matches(
            "2 addresses use the source's database \\(\\d+\\); the target's stack answers in \\d+ ms"
                + " \\(p99 \\d+ ms\\), the source's in \\d+ ms \\(p99 \\d+ ms\\): \\+"
                + proof.addedMillis()
                + " ms; sessions work both ways");
  }

  @Test
  void stopsATargetThatAddsMoreThanIsAllowed() {
    service.let(
        Side.TARGET,
        exchange -> ShopStack.serve(exchange, source, Duration.ofMillis(150), sessions));

    CanaryProof proof = prove(canary(true, true, Duration.ofMillis(20)));

    assertThat(proof.findings())
        .singleElement()
        .extracting(Finding::level)
        .isEqualTo(Level.BLOCKER);
    assertThat(proof.findings().get(0).message())
        .startsWith("expected at most +20 ms, found that the target's stack answers in ")
        .endsWith(": +" + proof.addedMillis() + " ms.");
  }

  @Test
  void stopsATargetThatUsesItsOwnDatabase() throws Exception {
    service.let(
        Side.TARGET, exchange -> ShopStack.serve(exchange, target, Duration.ZERO, sessions));

    CanaryProof proof = prove(canary(true, true, null));

    assertThat(proof.findings())
        .extracting(Finding::level, Finding::line)
        .containsExactly(
            tuple(
                Level.BLOCKER,
                "127.0.0.3: expected the target's stack to use the source's database, system_identifier %s, found the target's, %s, at %s. Fix: let it use the database at 127.0.0.1:%d/postgres until the switchover."
                    .formatted(
                        ShopStack.identifier(source),
                        ShopStack.identifier(target),
                        service.url("/database"),
                        source.port())));
    assertThat(proof.line()).doesNotContain("addresses use");
  }

  @Test
  void stopsAnAddressWhoseAnswerHoldsNoIdentifierOrThatDoesNotAnswer() {
    service.let(Side.TARGET, exchange -> BothSides.answer(exchange, 200, "port 5432, pid 123456"));
    service.stop(Side.SOURCE);

    CanaryProof proof = prove(canary(true, false, null));

    assertThat(proof.findings())
        .filteredOn(finding -> finding.level() == Level.BLOCKER)
        .extracting(Finding::subject)
        .containsExactly("127.0.0.2", "127.0.0.3");
    assertThat(proof.findings().get(0).message()).contains("found no answer (Connection refused)");
    assertThat(proof.findings().get(1).message())
        .contains("found no system_identifier in the answer (status 200)");
  }

  @Test
  void stopsSessionsThatTheOtherSideDoesNotKnow() {
    service.let(
        Side.TARGET,
        exchange ->
            ShopStack.serve(exchange, source, Duration.ZERO, ConcurrentHashMap.newKeySet()));

    CanaryProof proof = prove(canary(true, true, null));

    assertThat(proof.findings())
        .extracting(Finding::subject, Finding::message)
        .containsExactly(
            tuple(
                "127.0.0.3",
                "a session opened at the source (127.0.0.2) does not work at the target: expected %s to answer below 400, found status 401."
                    .formatted(service.url("/me"))),
            tuple(
                "127.0.0.2",
                "a session opened at the target (127.0.0.3) does not work at the source: expected %s to answer below 400, found status 401."
                    .formatted(service.url("/me"))));
  }

  @Test
  void saysThatAPageForAnybodyProvesNothingAboutSessions() {
    CanarySpec open =
        new CanarySpec(
            List.of(5),
            Duration.ofHours(1),
            service.url("/database"),
            new CanarySpec.Session(service.url("/login"), service.url("/database")),
            null);

    assertThat(prove(open).findings())
        .extracting(Finding::level, Finding::message)
        .containsExactly(
            tuple(
                Level.WARNING,
                service.url("/database")
                    + " answers 200 without a session too, so that it proves nothing about sessions."));
  }

  @Test
  void saysWhatNobodyLookedAt() throws Exception {
    try (Connection shop = source.connect("postgres")) {
      assertThat(shop.isValid(5)).isTrue();

      CanaryProof proof = proveWithoutService();

      assertThat(proof.findings())
          .extracting(Finding::level, Finding::subject)
          .containsExactly(
              tuple(Level.WARNING, "validate.canary.database"),
              tuple(Level.WARNING, "validate.canary.session"));
      assertThat(proof.line())
          .isEqualTo(
              "the target's stack is seen at the source's database (postgres from 127.0.0.1)");
    }
  }

  @Test
  void stopsATargetThatIsSeenAtItsOwnDatabaseAndNotAtTheSources() throws Exception {
    try (Connection shop = target.connect("postgres")) {
      assertThat(shop.isValid(5)).isTrue();

      List<Finding> findings = proveWithoutService().findings();

      assertThat(findings)
          .filteredOn(finding -> finding.level() == Level.BLOCKER)
          .extracting(Finding::message)
          .containsExactly(
              "expected sessions from the target's addresses (127.0.0.1) at the source's database, found none.",
              "expected no application at the target's database before the switchover, found postgres from 127.0.0.1.");
    }
  }

  @Test
  void saysThatACopyOfTheClusterCannotBeToldApart() {
    Move copy = move(source, source);

    CanaryProof proof =
        prover()
            .proveCanary(
                new CanaryRequest(
                    copy, canary(true, false, null), BothSides.SOURCE, BothSides.TARGET));

    assertThat(proof.findings().get(0).message())
        .startsWith("both databases have the system_identifier ");
    assertThat(proof.findings().get(0).level()).isEqualTo(Level.BLOCKER);
  }

  @Test
  void triesAgainLaterWhereTheSourceCannotBeAsked() throws Exception {
    try (PostgresServer gone = PostgresServer.start(16)) {
      Move move = move(gone, target);
      gone.stopImmediate();

      assertThatThrownBy(
              () ->
                  prover()
                      .proveCanary(
                          new CanaryRequest(
                              move, canary(true, false, null), BothSides.SOURCE, BothSides.TARGET)))
          .isInstanceOfSatisfying(
              ApplicationFailure.class,
              failure -> assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT))
          .hasMessageContaining("Cannot read the system_identifier of the source");
    }
  }

  private CanaryProof proveWithoutService() {
    return prover()
        .proveCanary(
            new CanaryRequest(
                move(source, target),
                canary(false, false, null),
                BothSides.SOURCE,
                List.of("127.0.0.1")));
  }

  private CanaryProof prove(CanarySpec canary) {
    return prover()
        .proveCanary(
            new CanaryRequest(move(source, target), canary, BothSides.SOURCE, BothSides.TARGET));
  }

  private static ProveCanary prover() {
    return new ProveCanary(
        (SSLSocketFactory) SSLSocketFactory.getDefault(),
        new Secrets(Map.of()),
        progress -> {},
        Clock.systemUTC());
  }

  private CanarySpec canary(boolean database, boolean session, @Nullable Duration most) {
    return new CanarySpec(
        List.of(5),
        Duration.ofHours(1),
        database ? service.url("/database") : null,
        session ? new CanarySpec.Session(service.url("/login"), service.url("/me")) : null,
        most);
  }

  private static Move move(PostgresServer from, PostgresServer to) {
    return new Move(
        "shop",
        new PostgresSpec(from.url("postgres"), null, null, null),
        new PostgresSpec(to.url("postgres"), null, null, null),
        List.of(),
        List.of(),
        1,
        Duration.ofSeconds(1));
  }
}
