package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.whimbrel.postgres.Pace;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SettingsTest {

  @Test
  void servesTheDefaultQueueAndListensOnLoopbackOnlyUnlessTold() {
    Settings settings = Settings.of(Map.of());

    assertThat(settings.taskQueue()).isEqualTo("whimbrel");
    assertThat(settings.metrics())
        .hasValueSatisfying(
            address -> {
              assertThat(address.getAddress().isLoopbackAddress()).isTrue();
              assertThat(address.getPort()).isZero();
            });
  }

  @Test
  void looksMoreOftenWhereToldButNotEndlessly() {
    assertThat(Settings.of(Map.of()).pace()).isEqualTo(Pace.USUAL);
    assertThat(Settings.of(Map.of("WHIMBREL_LOOK_EVERY", "100ms")).pace())
        .isEqualTo(new Pace(Duration.ofMillis(100)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Settings.of(Map.of("WHIMBREL_LOOK_EVERY", "1ms")))
        .withMessage("WHIMBREL_LOOK_EVERY: expected 10ms or more, found 1ms");
  }

  @Test
  void toleratesVariablesOfOtherPartsAndOfSecrets() {
    Settings settings =
        Settings.of(
            Map.of(
                "WHIMBREL_TEMPORAL", "/usr/bin/temporal",
                "WHIMBREL_PG_BIN", "/usr/lib/postgresql/15/bin",
                "WHIMBREL_SECRET_SOURCE", "hunter2",
                "PATH", "/bin",
                "WHIMBREL_METRICS", "off"));

    assertThat(settings.metrics()).isEmpty();
    assertThat(settings.toString()).doesNotContain("hunter2");
  }

  @Test
  void listsTheSettingsWhereNoneIsNear() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Settings.of(Map.of("WHIMBREL_COLOUR", "red")))
        .withMessageContaining(
            "WHIMBREL_COLOUR is not a setting of the worker. The settings are WHIMBREL_TASK_QUEUE,");
  }

  @Test
  void namesEveryMistakeAndTheNearestSetting() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Settings.of(
                    Map.of(
                        "WHIMBREL_TASKQUEUE", "shop",
                        "WHIMBREL_METRICS", "9090",
                        "WHIMBREL_LOG_LEVEL", "loud",
                        "WHIMBREL_LOOK_EVERY", "often")))
        .withMessage(
            """
            WHIMBREL_TASKQUEUE is not a setting of the worker. Did you mean WHIMBREL_TASK_QUEUE? \
            (A secret of a runbook may be called WHIMBREL_SECRET_…)
            WHIMBREL_METRICS: expected host:port or off, found '9090'
            WHIMBREL_LOG_LEVEL: expected one of error, warn, info, debug, trace, found 'loud'
            WHIMBREL_LOOK_EVERY: expected a duration such as 30s, 5m, 24h or 3d, found 'often'""");
  }
}
