package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CrewTest {
  private static final String RUNBOOK =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
      connect: [%s]
      """;

  private static final Runbook MANUAL = RunbookFile.parse(RUNBOOK.formatted("manual"));

  private static final Runbook POOLED =
      RunbookFile.parse(
          RUNBOOK.formatted(
              "{pgbouncer: {admin: \"postgresql://admin@127.0.0.1:6432/pgbouncer\", database: shop,"
                  + " switch: {file: /etc/pgbouncer/pgbouncer.ini}}}"));

  @Test
  void warnsOfFewerThanTwoWorkers() {
    Finding none = Crew.judge(Set.of(), "whimbrel", MANUAL);
    Finding one = Crew.judge(Set.of("7@a.example.com"), "whimbrel", MANUAL);

    assertThat(none.level()).isEqualTo(Level.WARNING);
    assertThat(none.line()).contains("(seen within 75 s: none)");
    assertThat(one.level()).isEqualTo(Level.WARNING);
    assertThat(one.line())
        .startsWith(
            "task queue whimbrel: fewer than two workers serve it (seen within 75 s:"
                + " 7@a.example.com).")
        .contains("Not covered: one that dies between hand-over and opening")
        .endsWith("Fix: start a second one on another host: whimbrel worker");
  }

  @Test
  void warnsOfWorkersOnOneHost() {
    Finding finding = Crew.judge(Set.of("7@a.example.com", "8@a.example.com"), "whimbrel", MANUAL);

    assertThat(finding.level()).isEqualTo(Level.WARNING);
    assertThat(finding.line())
        .contains("all on one host")
        .contains("Not covered: the death of their host")
        .doesNotContain("PgBouncer");
  }

  @Test
  void saysWhichDeathsTwoHostsCover() {
    Finding finding = Crew.judge(Set.of("7@a.example.com", "7@b.example.com"), "whimbrel", POOLED);

    assertThat(finding.level()).isEqualTo(Level.NOTE);
    assertThat(finding.line())
        .contains("Covered: the death of a worker or of its host, at any moment.")
        .contains("Not covered: the death of a worker's whole host while a PgBouncer is paused");
  }
}
