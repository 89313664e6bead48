package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import io.temporal.api.common.v1.Payload;
import io.temporal.client.WorkflowFailedException;
import io.temporal.common.converter.RawValue;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Execution(ExecutionMode.CONCURRENT)
class WayBackTest {
  private static final String ANA = "ana@example.com";

  static Stream<Arguments> payloads() {
    return Stream.of(
        Arguments.of("nothing", new Object[0], "rolled back by a signal"),
        Arguments.of("null", new Object[] {null}, "rolled back by a signal"),
        Arguments.of("text", new Object[] {"too slow"}, "rolled back by a signal: too slow"),
        Arguments.of("number", new Object[] {42}, "rolled back by a signal: 42"),
        Arguments.of(
            "a map",
            new Object[] {Map.of("by", ANA, "reason", "too slow", "colour", "blue")},
            "rolled back by ana@example.com: too slow"),
        Arguments.of(
            "an unknown key",
            new Object[] {Map.of("colour", "blue")},
            "rolled back by a signal: {\"colour\":\"blue\"}"),
        Arguments.of("two values", new Object[] {"one", "two"}, "rolled back by a signal: one"),
        Arguments.of(
            "broken JSON",
            new Object[] {raw("json/plain", "{\"by\": ")},
            "rolled back by a signal: {\"by\": "),
        Arguments.of(
            "bytes", new Object[] {raw("binary/plain", "abc")}, "rolled back by a signal: abc"),
        Arguments.of(
            "an unknown encoding",
            new Object[] {raw("x/y", "abc")},
            "rolled back by a signal: abc"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("payloads")
  void takesAnySignal(String name, Object[] payload, String said) {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.untyped().signal("rollback", payload);

      MigrationResult result = stage.result();

      assertThat(result.ending()).as(name).isEqualTo(Ending.ROLLED_BACK);
      assertThat(result.line()).isEqualTo("shop runs on the source again; " + said);
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
    }
  }

  @Test
  void goesBackWhenTheWorkflowIsCancelled() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.untyped().cancel();

      // The SDK closes a cancelled workflow as cancelled, whatever it returns.
      assertThatThrownBy(stage::result)
          .isInstanceOf(WorkflowFailedException.class)
          .hasMessageContaining("was cancelled");
      assertThat(stage.status().result()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.memo(Mirror.RESULT)).isEqualTo("ROLLED_BACK");
      assertThat(stage.memo(Mirror.PHASE)).isEqualTo("rollback");
      assertThat(stage.memo(Mirror.STATE)).isEqualTo("ENDED");
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
      assertThat(stage.world.journal())
          .endsWith("restore TTL", "TTL restored", "release both databases");
    }
  }

  @Test
  void refusesARollbackByWhoMayNotAndAfterTheEnd() {
    Runbooks runbooks = new Runbooks();
    runbooks.rollbackBy = List.of(ANA);
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitAt(Step.LOWER_TTL, State.WAITING_FOR_TIME);
      String refusal =
          Stage.refusal(
              () -> stage.workflow().requestRollback(new RollbackRequest("luis", null, false)));
      String answer = stage.workflow().requestRollback(new RollbackRequest(ANA, null, false));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(refusal)
          .isEqualTo(
              "Cannot roll back: luis may not. The runbook's rollback.by names ana@example.com."
                  + " Say who decides with --by NAME.");
      assertThat(answer)
          .isEqualTo(
              "rolling back, newest first: set the TTL as it was, take the claim on both databases"
                  + " back");
    }
  }

  @Test
  void neverGoesBackPastThePointOfNoReturn() {
    try (Stage stage = new Stage(new Runbooks())) {
      StringBuilder refusal = new StringBuilder();
      stage.world.during(
          "stopReverse",
          () -> {
            refusal.append(
                Stage.refusal(
                    () -> stage.workflow().requestRollback(new RollbackRequest(ANA, null, false))));
            stage.untyped().signal("rollback", "too late");
          });

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(refusal.toString())
          .isEqualTo(
              "Cannot roll back: the way back was dropped, with the approval of the decommission.");
      assertThat(stage.world.truth).isEqualTo(Side.TARGET);
      assertThat(stage.world.journal()).endsWith("restore TTL", "TTL restored", "clean up");
    }
  }

  @Test
  void eitherGoesBackWholeOrMigratesWhenAskedAtTheLastMoment() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.during(
          "awaitTail",
          () -> stage.workflow().requestRollback(new RollbackRequest(ANA, "just in time", false)));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal()).doesNotContain("stop the reverse stream", "clean up");
    }
  }

  @Test
  void letsNobodyAcceptALossBySignalWhomTheRunbookDoesNotName() {
    Runbooks runbooks = new Runbooks();
    runbooks.rollbackBy = List.of(ANA);
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail(
          "settle",
          Failures.needsHelp("the target cannot be reached", "mend it or accept the loss", null));
      stage.untyped().signal("rollback", Map.of("by", "eve@example.com", "acceptLoss", true));
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.untyped().signal("rollback", Map.of("by", "eve@example.com", "acceptLoss", true));
      MigrationStatus still = stage.status();
      stage.untyped().signal("rollback", Map.of("by", ANA, "acceptLoss", true));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(parked.parked().get(0).step()).isEqualTo("rollback.switchover");
      assertThat(still.parked()).isEqualTo(parked.parked());
      assertThat(stage.world.journal())
          .contains("settle on the source, loss accepted by ana@example.com");
    }
  }

  @Test
  void waitsForAPersonWhenTheHandBackFailsAndTakesUpAnAcceptedLoss() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail(
          "settle",
          Failures.needsHelp("the target cannot be reached", "mend it or accept the loss", null));
      stage.untyped().signal("rollback");
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      String refusal =
          Stage.refusal(
              () -> stage.workflow().skip(new StepDecision(ANA, "so", "rollback.switchover")));
      String answer = stage.workflow().requestRollback(new RollbackRequest(ANA, null, true));

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(parked.phase()).isEqualTo("rollback");
      assertThat(parked.parked().get(0).step()).isEqualTo("rollback.switchover");
      assertThat(refusal).startsWith("Cannot skip rollback.switchover");
      assertThat(answer)
          .isEqualTo(
              "the rollback is already under way; it goes on without the writes that have not"
                  + " arrived");
      assertThat(stage.world.journal())
          .contains("settle on the source, loss accepted by ana@example.com")
          .doesNotContain("drop the copy");
      assertThat(result.leftOver())
          .containsExactly(
              "drop the copy from the target: the target's data was kept, since it may hold writes"
                  + " that the source lacks");
    }
  }

  @Test
  void namesTidyingThatFailedAndGoesOn() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail("unsubscribe", Failures.needsHelp("no right", "grant it", null));
      stage.untyped().signal("rollback");

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(result.leftOver()).containsExactly("end the stream to the target: no right");
      assertThat(stage.world.journal())
          .endsWith("restore TTL", "TTL restored", "release both databases");
    }
  }

  @Test
  void touchesNothingOlderUntilABarrierIsSkippedOrSucceeds() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail("awaitPropagation", Failures.needsHelp("ns2 lags", "see to ns2", null));
      stage.untyped().signal("rollback");
      stage.awaitAt(Step.TRAFFIC_BACK, State.NEEDS_HELP);
      List<String> parked = stage.world.journal();
      stage.workflow().skip(new StepDecision(ANA, "ns2 is gone for good", null));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(parked).endsWith("names point to the source");
    }
  }

  @Test
  void abandonsAParkedWayBack() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail("settle", Failures.needsHelp("gone", "nothing helps", null));
      stage.untyped().signal("rollback");
      stage.awaitState(State.NEEDS_HELP);
      List<String> before = stage.world.journal();
      stage.workflow().abandon(new Decision(ANA, "both are gone"));

      assertThat(stage.result().ending()).isEqualTo(Ending.ABANDONED);
      assertThat(stage.world.journal()).isEqualTo(before);
    }
  }

  @Test
  void asksOnceWhenAGuardIsBreachedDuringAnApprovalWait() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.guards = List.of(Runbooks.guard("ask"));
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.breaches.put(1, "7% errors, 1% allowed");
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().approve(new Approval(ANA, null, null));
      stage.sleep(Duration.ofHours(2));
      List<String> held = stage.world.journal();
      stage.workflow().retry(new StepDecision(ANA, null, "guard.1"));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).step()).isEqualTo("guard.1");
      assertThat(parked.parked().get(0).cause())
          .isEqualTo("https://shop.example.com/healthz: 7% errors, 1% allowed");
      assertThat(held).doesNotContain("hand over to the target");
    }
  }

  @Test
  void goesBackByItselfWhenAGuardSaysSo() {
    Runbooks runbooks = new Runbooks();
    runbooks.guards = List.of(Runbooks.guard("ask"), Runbooks.guard("rollback"));
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.world.breaches.put(2, "p99 900 ms, 500 ms allowed");

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(result.line())
          .isEqualTo(
              "shop runs on the source again; rolled back by guard.2: p99 900 ms, 500 ms allowed");
      assertThat(Collections.frequency(stage.world.journal(), "settle on the source")).isEqualTo(1);
    }
  }

  @Test
  void saysThatTheWayBackIsBrokenWhileItIs() {
    try (Stage stage = Stage.watched(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail(
          "watchWayBack", Failures.needsHelp("the slot is lost", "make it anew", null));
      MigrationStatus broken = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision(ANA, null, null));
      MigrationStatus mended = stage.status();

      assertThat(broken.parked().get(0).step()).isEqualTo("cutover.watch-way-back");
      assertThat(broken.rollback().possible()).isFalse();
      assertThat(mended.rollback().possible()).isTrue();
    }
  }

  private static RawValue raw(String encoding, String data) {
    return new RawValue(
        Payload.newBuilder()
            .putMetadata("encoding", ByteString.copyFromUtf8(encoding))
            .setData(ByteString.copyFromUtf8(data))
            .build());
  }
}
