package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Forecast.Times;
import dev.whimbrel.runbook.RunbookFile;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a plan says of a source that is closed before it is copied. */
class PlannedStepTest {
  private static final String SMALLEST =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
      connect: [manual]
      """;

  @Test
  void listsTheClosingBeforeWhatIsCopiedBehindIt() {
    assertThat(configured("replicate: {method: offline}\n"))
        .containsSubsequence(
            "replicate.schema",
            "cutover.approval",
            "cutover.rehearse-reverse",
            "cutover.close",
            "cutover.keep-closed",
            "replicate.copy",
            "replicate.indexes",
            "replicate.sequences",
            "validate.verify-data",
            "cutover.switchover")
        .doesNotContain("replicate.subscribe", "replicate.soak", "cutover.verify-data");
    assertThat(configured(""))
        .containsSubsequence("replicate.copy", "replicate.subscribe", "cutover.rehearse-reverse")
        .doesNotContain("cutover.close", "cutover.keep-closed");
  }

  @Test
  void saysWhereTheForecastIsLongerThanTheSourceMayBeClosed() {
    assertThat(method(Duration.ofHours(3)))
        .isEqualTo(
            "METHOD: offline: the service is closed for about 2 h, and for as long as a comparison takes; for 3 h at the most");
    assertThat(method(Duration.ofHours(1))).contains("THAT IS NOT ENOUGH");
    assertThat(method(Duration.ZERO)).startsWith("METHOD: online: the service goes on meanwhile");
  }

  @Test
  void advisesTheMethodThatTheServersAllow() {
    Finding level =
        new Finding(Finding.Level.BLOCKER, "wal-level", "source", "has wal_level = replica.", "…");
    Finding key =
        new Finding(Finding.Level.BLOCKER, "replica-identity", "public.t", "has no key.", "…");
    Finding other = new Finding(Finding.Level.BLOCKER, "version", "source", "is too old.", "…");

    assertThat(method(Duration.ZERO, level, key, key, other))
        .isEqualTo(
            "METHOD: online once replica-identity, wal-level are mended. As it is only replicate.method: offline, which needs none of that: the service is closed for about 2 h, and for as long as a comparison takes");
    assertThat(method(Duration.ZERO, other)).startsWith("METHOD: online: the service goes on");
    assertThat(method(Duration.ofHours(3), level)).startsWith("METHOD: offline: the service is");
  }

  private static List<String> configured(String more) {
    return PlannedStep.of(RunbookFile.parse(SMALLEST + more), null).stream()
        .filter(PlannedStep::configured)
        .map(PlannedStep::id)
        .toList();
  }

  private static String method(Duration closedFor, Finding... findings) {
    Forecast forecast =
        new Forecast(
            4,
            new Measured("orders", "binary", 4, 1, 1, 1, 1, 1, 1, 1, null, 0, 0, 0, null),
            new Times(7000, 200L, null, 7200, 0, ""),
            List.of(),
            Forecast.ONLINE,
            List.of(),
            List.of());
    return MethodAdvice.line(forecast, closedFor, List.of(findings));
  }
}
