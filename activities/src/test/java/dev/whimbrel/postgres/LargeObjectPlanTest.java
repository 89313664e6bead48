package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a plan says of large objects, before anything is done. */
class LargeObjectPlanTest {
  private static Pairs pair;
  private final Secrets secrets = new Secrets();

  @BeforeAll
  static void start() {
    pair = Pairs.of(13, 18);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void saysWhatKeepsLargeObjectsFromGoingOver() throws Exception {
    Move move = databases("planned");
    source(move, "SELECT lo_create(1)");
    pair.target().execute("planned", "SELECT lo_create(1)");
    pair.source()
        .execute("planned", "CREATE ROLE mover LOGIN REPLICATION", "GRANT pg_monitor TO mover");
    Move weak =
        new Move(
            "planned",
            new PostgresSpec(move.source().url().replace("postgres@", "mover@"), null, null, null),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag());
    Move hasty = within(move, Duration.ofMillis(1));

    assertThat(planned(move))
        .containsExactly(
            "BLOCKER target: holds 1 large objects already; the source's may have the same numbers. Fix:"
                + " on the target: SELECT lo_unlink(oid) FROM pg_largeobject_metadata;",
            "NOTE source: holds 1 large objects in 0 B: looking which were written last takes about"
                + " 1 ms of the pause");
    assertThat(planned(weak))
        .hasSize(2)
        .anyMatch(
            line ->
                line.startsWith(
                    "BLOCKER source: holds 1 large objects, which only superusers may carry. Fix: let"
                        + " Whimbrel connect to both sides as a superuser, or move them into columns"))
        .anyMatch(line -> line.startsWith("WARNING target: holds 1 large objects"));
    assertThat(planned(hasty))
        .contains(
            "BLOCKER source: holds 1 large objects in 0 B: looking which were written last takes"
                + " about 1 ms of the pause, which is more than half of its budget. Fix: cutover:"
                + " {pauseBudget: 1s}, or move them into columns");
  }

  /** Nothing is known of a target's own objects: the rehearsal would stop for them, days later. */
  @Test
  void saysThatATargetHasObjectsAlsoWhereTheSourceHasNone() throws Exception {
    Move move = databases("leftover");
    pair.target().execute("leftover", "SELECT lo_create(1)");

    assertThat(planned(move))
        .singleElement()
        .asString()
        .startsWith("BLOCKER target: holds 1 large objects already");
  }

  @Test
  void namesMembersOfWhoOwnsTheFunctions() throws Exception {
    Move move = databases("members");
    source(move, "SELECT lo_create(1)", "CREATE ROLE member LOGIN", "GRANT postgres TO member");
    try (Connection member = pair.source().connect("members", "member", null)) {
      assertThat(member.isValid(5)).isTrue();

      assertThat(new PostgresPreflight(secrets).preflight(move).findings())
          .filteredOn(finding -> finding.check().equals("large-objects-superuser"))
          .singleElement()
          .asString()
          .contains("superusers (member, a member of one)");
    }
  }

  /** An attempt at a rollback ends after a while, and may have to bring all of them. */
  @Test
  void refusesMoreThanOnePassMayEverBring() throws Exception {
    Move move = within(databases("huge"), Duration.ofMinutes(1));
    source(move, "SELECT lo_from_bytea(1, 'one')");

    grow(move, "3G");
    assertThat(planned(move)).singleElement().asString().startsWith("NOTE source: holds 1 large");
    grow(move, "4G");

    assertThat(planned(move))
        .hasSize(2)
        .anyMatch(
            line ->
                line.startsWith("BLOCKER source: holds 1 large objects in 4096 MB: a rollback that")
                    && line.contains("would never end (more than 4096 MB). Fix: move them into"));
  }

  /** Makes the catalog as long as that: a hole in a file takes no room. */
  private static void grow(Move move, String size) {
    source(
        move,
        "DO $$ BEGIN EXECUTE format('COPY (SELECT 1 WHERE false) TO PROGRAM %L',"
            + " 'truncate -s "
            + size
            + " ' || pg_relation_filepath('pg_largeobject') || '.1'); END $$");
  }

  /** A rollback would remove from the source what was removed on the target as orphaned. */
  @Test
  void warnsOfVacuumloWhereRowsThatNameObjectsStay() throws Exception {
    Move move = databases("orphans");
    source(
        move,
        "SELECT lo_create(1)",
        "CREATE TABLE scans (id int PRIMARY KEY, image oid)",
        "CREATE TABLE notes (id int PRIMARY KEY, note text)",
        "CREATE TABLE docs (id int PRIMARY KEY, content oid)");
    Move choosing =
        move.choosing(new TablesSpec(List.of(), List.of("public.notes"), List.of("public.scans")));

    assertThat(leftOut(choosing))
        .singleElement()
        .asString()
        .startsWith("WARNING scans: keeps its rows on the source, and its large objects move")
        .contains("RUN NO vacuumlo ON THE TARGET");
    assertThat(leftOut(move)).isEmpty();
    source(move, "SELECT lo_unlink(1)");
    assertThat(leftOut(choosing)).isEmpty();
  }

  private static Move databases(String name) {
    pair.source().createDatabase(name);
    pair.target().createDatabase(name);
    return pair.move(name);
  }

  private static Move within(Move move, Duration pauseBudget) {
    return new Move(
        move.migration(),
        move.source(),
        move.target(),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag(),
        null,
        null,
        null,
        pauseBudget,
        List.of(),
        false,
        null);
  }

  private static void source(Move move, String... sql) {
    pair.source().execute(move.migration(), sql);
  }

  private List<String> planned(Move move) {
    return findings(move, "large-objects");
  }

  private List<String> leftOut(Move move) {
    return findings(move, "large-objects-left-out");
  }

  private List<String> findings(Move move, String check) {
    return new PostgresPreflight(secrets)
        .preflight(move).findings().stream()
            .filter(finding -> finding.check().equals(check))
            .map(finding -> finding.level() + " " + finding.line())
            .toList();
  }
}
