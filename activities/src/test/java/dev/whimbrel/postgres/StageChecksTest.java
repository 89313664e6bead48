package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a plan says of the stages of a copy. */
class StageChecksTest {
  private static Pairs pair;
  private static Move move;

  @BeforeAll
  static void start() throws Exception {
    pair = Pairs.of(15, 16);
    move = pair.database("shop");
    pair.source()
        .execute(
            "shop",
            "CREATE TABLE orders (id int PRIMARY KEY)",
            "CREATE TABLE customers AS SELECT i AS id FROM generate_series(1, 1000) i",
            "ALTER TABLE customers ADD PRIMARY KEY (id)",
            "CREATE SCHEMA archive",
            "CREATE TABLE archive.event (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
            "CREATE TABLE archive.event_1 PARTITION OF archive.event FOR VALUES FROM (0) TO (50)",
            "CREATE TABLE archive.past (id int PRIMARY KEY)",
            "CREATE TABLE archive.cache (id int PRIMARY KEY)",
            "CREATE UNLOGGED TABLE archive.scratch (id int PRIMARY KEY)");
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void listsTheStagesWithTablesAndBytes() {
    List<String> findings =
        findings(move.inStages(stages("public.orders, public.cust*", "archive.event")));

    assertThat(findings)
        .anyMatch(
            line ->
                line.matches(
                    "NOTE stages stage 1 of 3: 2 tables, \\d+ KB: public.customers, public.orders"))
        .contains(
            "NOTE stages stage 2 of 3: 1 table, 0 B: archive.event",
            "NOTE stages stage 3 of 3: 2 tables, 0 B, which no stage names: archive.cache, archive.past")
        .noneMatch(line -> line.startsWith("BLOCKER"));
    assertThat(findings(move)).noneMatch(line -> line.contains("stage"));
  }

  @Test
  void letsTheFirstStageThatNamesATableHaveIt() {
    assertThat(findings(move.inStages(stages("public.orders", "public.*"))))
        .contains("NOTE stages stage 1 of 3: 1 table, 0 B: public.orders")
        .anyMatch(
            line -> line.matches("NOTE stages stage 2 of 3: 1 table, \\d+ KB: public.customers"))
        .noneMatch(line -> line.startsWith("BLOCKER"));
    assertThat(findings(move.inStages(stages("public.*", "public.orders"))))
        .contains(
            "BLOCKER stages replicate.stages[1]: 'public.orders' finds only tables that come before:"
                + " public.orders in stage 1. Fix: take it out, or let the earlier stage's pattern not"
                + " find them");
  }

  @Test
  void refusesPatternsThatFindNothingOfTheirOwn() {
    assertThat(
            findings(
                move.choosing(new TablesSpec(List.of(), List.of(), List.of("archive.cache")))
                    .inStages(
                        stages("public.order", "archive.event_1, archive.cache, archive.scratch"))))
        .contains(
            "BLOCKER stages replicate.stages[0]: 'public.order' finds no table of the source. Did you"
                + " mean 'public.orders'? Fix: correct the pattern, or take it out",
            "BLOCKER stages replicate.stages[1]: 'archive.event_1' finds archive.event_1, a partition of"
                + " archive.event, which comes in stage 3: partitions come with their root. Fix: name"
                + " archive.event instead",
            "BLOCKER stages replicate.stages[1]: 'archive.cache' finds only tables whose rows are not"
                + " copied: archive.cache. Fix: correct the pattern, or take it out",
            "BLOCKER stages replicate.stages[1]: 'archive.scratch' finds only tables whose rows are not"
                + " copied: archive.scratch. Fix: correct the pattern, or take it out");
  }

  @Test
  void saysWhereStagesBringNothing() {
    assertThat(findings(move.inStages(stages("public.*, archive.*"))))
        .anyMatch(
            line -> line.startsWith("WARNING stages replicate.stages: all tables come in one"));
  }

  private static List<StageSpec> stages(String... patterns) {
    return Arrays.stream(patterns).map(each -> new StageSpec(List.of(each.split(", ")))).toList();
  }

  private static List<String> findings(Move of) {
    return new PostgresPreflight(new Secrets())
        .preflight(of).findings().stream().map(StageChecksTest::line).toList();
  }

  private static String line(Finding finding) {
    return finding.level() + " " + finding.check() + " " + finding.line();
  }
}
