package dev.whimbrel.runbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Move;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What {@code method: offline} means, and what it leaves no room for. */
class OfflineRulesTest {
  private static final String SMALLEST =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
      connect: [manual]
      """;

  @Test
  void closesTheSourceForFourHoursAtTheMostWhereTheRunbookDoesNotSay() {
    Replicate unsaid = RunbookFile.parse(SMALLEST + "replicate: {method: offline}\n").replicate();
    Runbook said =
        RunbookFile.parse(SMALLEST + "replicate: {method: offline, closedAtMost: 90m}\n");

    assertThat(unsaid.closedFor()).isEqualTo(Duration.ofHours(4));
    assertThat(said.replicate().closedFor()).isEqualTo(Duration.ofMinutes(90));
    assertThat(Move.of(said).offline()).isTrue();
    assertThat(RunbookFile.parse(SMALLEST).replicate().closedFor()).isZero();
    assertThat(Move.of(RunbookFile.parse(SMALLEST)).offline()).isFalse();
  }

  @Test
  void refusesWhatMakesNoSenseWithAClosedSource() {
    assertThat(mistakesIn("replicate: {closedAtMost: 1h}\n"))
        .containsExactly("replicate.closedAtMost: expected only with method: offline.");
    assertThat(mistakesIn("replicate: {method: offline, closedAtMost: 30s}\n"))
        .containsExactly("replicate.closedAtMost: expected at least 1m.");
    assertThat(mistakesIn("replicate: {method: offline, stages: [{tables: [a.b]}]}\n"))
        .containsExactly("replicate.stages: expected only with method: staged.");
    assertThat(
            mistakesIn(
                "replicate: {method: offline}\nvalidate: {queries: a.sql, suite: {command: [./suite], on: clone}}\n"))
        .allMatch(mistake -> mistake.contains("cannot go with method: offline"))
        .hasSize(2);
  }

  /** Found out when the runbook is read, and not when the window opens. */
  @Test
  void refusesAWindowThatHasNoRoomForTheClosing() {
    assertThat(mistakesIn(windowed("Sun 02:00-06:00 UTC", "")))
        .containsExactly(
            "cutover.window: expected to be open for at least 281m, which are closedAtMost (4h), pauseBudget and monitor together, and ten minutes to prepare; found 'Sun 02:00-06:00 UTC', 4h. Or, with this window, replicate.closedAtMost: 199m.");
    assertThat(mistakesIn(windowed("Sun 02:00-02:30 UTC", ", closedAtMost: 10m")))
        .containsExactly(
            "cutover.window: expected to be open for at least 51m, which are closedAtMost (10m), pauseBudget and monitor together, and ten minutes to prepare; found 'Sun 02:00-02:30 UTC', 30m.");
    assertThat(mistakesIn(windowed("Sun 24:99 UTC", ""))).hasSize(1);
  }

  @Test
  void takesAWindowThatHasRoomForTheClosing() {
    for (String window :
        List.of("Sun 02:00-07:00 UTC", "Mon-Fri 22:00-04:00 UTC", "Sat 00:00-24:00 UTC")) {
      assertThat(RunbookFile.parse(SMALLEST + windowed(window, "")).cutover().window())
          .isEqualTo(window);
    }
    String long2 = ", closedAtMost: 40h";
    assertThat(mistakesIn(windowed("Sat 00:00-24:00 UTC", long2))).hasSize(1);
    assertThat(mistakesIn(windowed("Mon,Wed 00:00-24:00 UTC", long2))).hasSize(1);
    assertThat(RunbookFile.parse(SMALLEST + windowed("Sun,Mon 00:00-24:00 UTC", long2)))
        .isNotNull();
    assertThat(
            RunbookFile.parse(
                SMALLEST + "cutover: {window: \"Sun 02:00-02:10 UTC\", monitor: 5m}\n"))
        .isNotNull();
  }

  private static String windowed(String window, String more) {
    return "replicate: {method: offline%s}\ncutover: {window: \"%s\", monitor: 30m}\n"
        .formatted(more, window);
  }

  private static List<String> mistakesIn(String more) {
    InvalidRunbook invalid =
        catchThrowableOfType(InvalidRunbook.class, () -> RunbookFile.parse(SMALLEST + more));
    assertThat(invalid).as("expected mistakes in:\n" + more).isNotNull();
    return invalid.errors().stream().map(e -> e.path() + ": " + e.message()).toList();
  }
}
