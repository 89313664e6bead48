package dev.whimbrel.attempt;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.testing.TestActivityEnvironment;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AttemptTest {
  private final TestActivityEnvironment environment = TestActivityEnvironment.newInstance();

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void mayActWhileTemporalWaitsForIt() {
    assertThatCode(() -> acting(Duration.ofSeconds(60)).act()).doesNotThrowAnyException();
  }

  @Test
  void changesNothingMoreOnceTemporalMayHaveGivenItUp() {
    assertThatThrownBy(() -> acting(Duration.ofSeconds(5)).act())
        .rootCause()
        .hasMessageContaining("Nothing was changed: this attempt has taken 0 s of its 5 s");
  }

  @Test
  void changesNothingMoreOnceItsSilenceMayHaveBeenNoticed() {
    assertThatThrownBy(() -> acting(Duration.ofSeconds(60), Duration.ofSeconds(2)).act())
        .rootCause()
        .hasMessageContaining("Nothing was changed: this attempt has taken 0 s of its 2 s");
  }

  @Test
  void mayActAtOnceWhereSilenceIsNoticedLater() {
    assertThatCode(() -> acting(Duration.ofSeconds(60), Duration.ofSeconds(10)).act())
        .doesNotThrowAnyException();
  }

  private Acting acting(Duration limit) {
    environment.registerActivitiesImplementations((Acting) () -> new Attempt().requireTime());
    return environment.newActivityStub(
        Acting.class, ActivityOptions.newBuilder().setStartToCloseTimeout(limit).build());
  }

  private Acting acting(Duration limit, Duration silence) {
    environment.registerActivitiesImplementations((Acting) () -> new Attempt().requireMoment());
    return environment.newActivityStub(
        Acting.class,
        ActivityOptions.newBuilder()
            .setStartToCloseTimeout(limit)
            .setHeartbeatTimeout(silence)
            .build());
  }

  /** Something that changes the zone. */
  @ActivityInterface
  public interface Acting {
    void act();
  }
}
