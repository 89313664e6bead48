package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.State;
import dev.whimbrel.postgres.Inspected.Way;
import dev.whimbrel.postgres.SideState.Seen;
import dev.whimbrel.postgres.SideState.Slot;
import dev.whimbrel.postgres.SideState.Subscription;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class InspectionJudgementTest {
  private static final UUID MARKER = UUID.fromString("11111111-2222-3333-4444-555555555555");
  private static final Instant THEN = Instant.parse("2026-03-01T02:14:07Z");

  private static final String TEXT =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@db.old.example.com/shop"}}
      target: {postgres: {url: "postgresql://migrator@db.new.example.com/shop"}}
      connect:
        - pgbouncer: {admin: "postgresql://admin@192.0.2.7:6432/pgbouncer", database: shop, switch: {file: /etc/pgbouncer/pgbouncer.ini}}
        - command: {do: [./point-reporting, the target], undo: [./point-reporting, source]}
      """;

  private static final Runbook RUNBOOK = RunbookFile.parse(TEXT);

  private final FoundSide source = new FoundSide(Side.SOURCE).says(Side.SOURCE, 1);
  private final FoundSide target = new FoundSide(Side.TARGET).says(Side.SOURCE, 1).closed();

  @Test
  void saysWhatNoHandOverConcerns() {
    String tables =
        "replicate: {tables: {include: [shop.*], exclude: [shop.tmp_*], excludeData: [shop.cache]}}";
    Runbook some = RunbookFile.parse(TEXT + tables);

    assertThat(
            new InspectionJudgement(some, source.state(), target.state(), MARKER)
                .inspected()
                .facts())
        .endsWith(
            "The runbook leaves out, and keeps on the source alone: everything but shop.*; shop.tmp_*.",
            "The runbook leaves out the rows of shop.cache: each side has its own, and no way carries them.");
    assertThat(judge().facts()).noneMatch(fact -> fact.contains("The runbook leaves out"));
  }

  @Test
  void offersNoWayToATargetThatARollbackHasKept() {
    target.says(Side.SOURCE, 3).closed().notes("kept, closed, after a rollback; p99 doubled");
    source.unclaimed();

    Inspected both = judge();
    assertThat(both.state()).isEqualTo(State.ROLLED_BACK);
    assertThat(both.writesGoTo()).isEqualTo("source");
    assertThat(both.headline())
        .isEqualTo(
            "WRITES GO TO: source (rolled back at 2026-03-01 02:14:07 UTC, epoch 3). The target was kept,"
                + " closed, and nothing follows to it.");
    assertThat(both.facts())
        .contains(
            "The target may hold rows that are nowhere else. Copy what is wanted, then DROP DATABASE shop;");
    assertThat(both.ways()).isEmpty();

    source.gone("no route to host");
    Inspected alone = judge();
    assertThat(alone.headline())
        .contains("AND IT CANNOT BE READ. The target was kept, closed, and nothing has followed");
    assertThat(alone.ways())
        .singleElement()
        .satisfies(
            way -> {
              assertThat(way.title()).startsWith("Wait until the source is back");
              assertThat(way.steps()).isEmpty();
            });
  }

  @Test
  void saysThatTheSourceIsTheTruthBeforeAnythingWasHandedOver() {
    target.streams();

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.NEVER_HANDED_OVER);
    assertThat(found.headline()).isEqualTo("WRITES GO TO: source (never handed over, epoch 1).");
    assertThat(found.writesGoTo()).isEqualTo("source");
    assertThat(found.alarms()).isEmpty();
    assertThat(whats(way(found, "Forward by hand: make the target the truth")))
        .containsExactly(
            "Stop every worker of this migration, so that the engine does not act at the same time",
            "Pause the pooler: clients wait from here to its RESUME. Where it does not end within seconds, some transaction is open: stop it (Ctrl-C) and go on without",
            "Close the source and hand over. From here on nobody can write until the target is opened",
            "Wait until this prints t: then every write of the source is on the target. Do not go on before",
            "Carry the sequences over: the left one writes the statements, the right one runs them",
            "Open the target",
            "In the pooler's file /etc/pgbouncer/pgbouncer.ini, let the entry shop say host=db.new.example.com port=5432 dbname=shop, then reload and resume",
            "Make the applications follow, as the runbook says");
  }

  @Test
  void printsLinesThatAShellTakesAsTheyAre() {
    target.streams();

    List<ByHandStep> steps = way(judge(), "Forward by hand: make the target the truth").steps();

    assertThat(steps.get(3).command())
        .isEqualTo(
            """
            psql postgresql://migrator@db.new.example.com/shop -At <<'SQL'
            SELECT EXISTS (SELECT FROM whimbrel.marker_forward WHERE id = '11111111-2222-3333-4444-555555555555');
            SQL""");
    assertThat(steps.get(6).command())
        .isEqualTo(
            "psql postgresql://admin@192.0.2.7:6432/pgbouncer -c RELOAD -c 'RESUME \"shop\"'");
    assertThat(steps.get(7).command()).isEqualTo("./point-reporting 'the target'");
  }

  @Test
  void refusesToGoForwardWithoutAStreamAndSaysWhy() {
    Way forward = way(judge(), "Forward by hand: make the target the truth");

    assertThat(forward.impossible())
        .isEqualTo("there is no stream to the target (subscription whimbrel_shop_forward)");
    assertThat(forward.steps()).isEmpty();
  }

  @Test
  void refusesToGoForwardToATargetThatIsNotClosed() {
    target.streams().unfenced();

    assertThat(way(judge(), "Forward by hand: make the target the truth").impossible())
        .isEqualTo(
            "the target is not closed: its fence is missing or off on 2 tables (public.orders, …)");
  }

  @Test
  void saysThatNobodyCanWriteBetweenHandOverAndOpening() {
    source.says(Side.TARGET, 2).closed();
    target.streams();

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.HANDED_OVER_NOT_OPEN);
    assertThat(found.writesGoTo()).isEqualTo("none");
    assertThat(found.headline())
        .isEqualTo(
            "WRITES GO TO: NONE. The source handed over at 2026-03-01 02:14:07 UTC (epoch 2); the target has not opened.");
    assertThat(titles(found))
        .containsExactly(
            "Finish by hand: open the target",
            "Take the hand-over back by hand: open the source again; nothing was written meanwhile");
    assertThat(whats(found.ways().get(1)))
        .contains("Let the target, which never opened, refuse for good", "Open the source again");
  }

  @Test
  void saysSinceWhenTheTargetIsTheTruthAndThatThereIsAWayBack() {
    source.says(Side.TARGET, 2).closed().reverse(true);
    target.says(Side.TARGET, 2).open().live("reserved");

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.OPEN);
    assertThat(found.headline())
        .isEqualTo("WRITES GO TO: target (since 2026-03-01 02:14:07 UTC, epoch 2).");
    assertThat(whats(way(found, "Back by hand: make the source the truth again")))
        .startsWith(
            "Stop every worker of this migration, so that the engine does not act at the same time",
            "Pause the pooler: clients wait from here to its RESUME. Where it does not end within seconds, some transaction is open: stop it (Ctrl-C) and go on without",
            "Close the target and hand over. From here on nobody can write until the source is opened",
            "Wait until this prints t: then every write of the target is on the source. Do not go on before");
  }

  @Test
  void saysInCapitalsWhenThereIsNoWayBack() {
    source.says(Side.TARGET, 2).closed().reverse(true);
    target.says(Side.TARGET, 2).open().live("lost");

    assertThat(way(judge(), "Back by hand: make the source the truth again").impossible())
        .isEqualTo(
            "THERE IS NO WAY BACK: slot whimbrel_shop_live on the target is lost; what was written since is nowhere else");
  }

  @Test
  void saysThatTheSourceIsTheTruthAgainAfterARollback() {
    source.says(Side.SOURCE, 3);
    target.says(Side.SOURCE, 3).closed();

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.ROLLED_BACK);
    assertThat(found.headline())
        .isEqualTo("WRITES GO TO: source (rolled back at 2026-03-01 02:14:07 UTC, epoch 3).");
  }

  @Test
  void saysThatNothingIsLostWhileTheSideThatIsNotTheTruthIsAway() {
    target.gone("connection refused (08001)");

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.ONE_SIDE_UNREADABLE);
    assertThat(found.headline())
        .isEqualTo("WRITES GO TO: source (epoch 1). The target cannot be read.");
    assertThat(found.facts())
        .contains(
            "The target (db.new.example.com:5432/shop) cannot be read: connection refused (08001).");
    assertThat(found.ways().get(0).impossible())
        .isEqualTo(
            "the target cannot be read; nothing is lost while it is away, since the source takes the writes");
  }

  @Test
  void offersNoWayToATargetThatHoldsAPartOfTheTables() {
    source.closed();
    target.closed().streams().part("stage 2 of 3");

    Inspected both = judge();
    source.gone("no route (08001)");
    Inspected alone = judge();

    for (Inspected found : List.of(both, alone)) {
      assertThat(found.facts())
          .contains(
              "The target holds a PART OF THE TABLES: of the copy, stage 2 of 3 is not live yet; its tables, and those of later stages, are not whole.")
          .noneMatch(fact -> fact.startsWith("Everything that the source had committed"));
      assertThat(found.ways())
          .anySatisfy(
              way ->
                  assertThat(way.impossible())
                      .isEqualTo(
                          "the target holds a part of the tables: of the copy, stage 2 of 3 is not live yet"));
    }
    assertThat(titles(alone)).hasSize(2);
    assertThat(alone.ways().get(1).steps()).isEmpty();
  }

  @Test
  void neverOffersToOpenTheClosedSideWithoutSayingWhatItCosts() {
    source.says(Side.TARGET, 2).closed().reverse(true);
    target.gone("no route (08001)");

    Inspected found = judge();

    assertThat(found.headline())
        .isEqualTo("WRITES GO TO: target, if it has opened (epoch 2), AND IT CANNOT BE READ.");
    assertThat(found.writesGoTo()).isEqualTo("unknown");
    assertThat(titles(found))
        .containsExactly(
            "Wait until the target is back, and inspect again: nothing is lost by waiting",
            "Only if the target is gone for good, and somebody takes it on themselves: open the source and ACCEPT THE LOSS");
    assertThat(whats(found.ways().get(1)))
        .anyMatch(what -> what.contains("WRITES THAT HAVE NOT ARRIVED HERE ARE LOST"));
  }

  @Test
  void raisesAlarmWhereBothClaimToBeRightAndSaysWhichToFenceFirst() {
    source.says(Side.SOURCE, 2).clients(0);
    target.says(Side.TARGET, 2).open().clients(8);

    Inspected found = judge();

    assertThat(found.state()).isEqualTo(State.BOTH_WRITABLE);
    assertThat(found.headline()).isEqualTo("ALARM: BOTH SIDES CLAIM TO BE THE TRUTH in epoch 2.");
    assertThat(found.alarms())
        .containsExactly(
            "Both databases claim to be right in epoch 2: the source says source since 2026-03-01 02:14:07 UTC, the target says target since 2026-03-01 02:14:07 UTC. Fence the source first: no application is connected to it.");
    assertThat(whats(found.ways().get(0))).startsWith("Close the source");
  }

  @Test
  void raisesAlarmWhereTheLosingSideTakesWrites() {
    source.says(Side.TARGET, 2);
    target.says(Side.TARGET, 2).open();

    Inspected found = judge();

    assertThat(found.headline())
        .isEqualTo("ALARM: BOTH SIDES TAKE WRITES. The target is the truth (epoch 2).");
    assertThat(found.alarms())
        .containsExactly(
            "The target is the truth (epoch 2), but the source takes writes on 2 tables (public.orders, …). Fence the source first, then compare the two.");
    assertThat(titles(found)).containsExactly("Fence the source, then inspect again");
  }

  @Test
  void doesNotCallAnUnfencedTargetAnAlarmBeforeItsFenceIsMade() {
    target.unfenced();

    assertThat(judge().alarms()).isEmpty();
  }

  @Test
  void raisesAlarmWhereTheTruthItselfRefusesWrites() {
    source.closed();

    Inspected found = judge();

    assertThat(found.alarms())
        .containsExactly(
            "The source is the truth, but 2 tables (public.orders, …) refuse writes. Open its fence first.");
    assertThat(whats(found.ways().get(0)))
        .containsExactly("Open the fence of the source, which is the truth");
  }

  @Test
  void tellsToKeepHandsOffWhileASwitchoverRuns() {
    source.underWay();

    assertThat(judge().alarms())
        .containsExactly(
            "A switchover holds its lock now. Do nothing by hand; wait a minute and inspect again.");
  }

  @Test
  void namesTheMigrationThatHoldsADatabase() {
    source.heldBy("warehouse");

    assertThat(judge().headline())
        .isEqualTo(
            "The source belongs to migration warehouse, as its source (since 2026-03-01 02:14:07 UTC), not to shop. Inspect with that migration's runbook.");
  }

  @Test
  void saysThatWhimbrelHoldsNothing() {
    source.unclaimed();
    target.unclaimed();

    assertThat(judge().headline())
        .isEqualTo("WRITES GO TO: source. Whimbrel holds neither database.");
  }

  @Test
  void doesNotTrustAHandOverThatOnlyOneSideRemembers() {
    source.says(Side.TARGET, 2).closed();
    target.unclaimed();

    Inspected found = judge();

    assertThat(found.writesGoTo()).isEqualTo("unknown");
    assertThat(found.alarms())
        .containsExactly(
            "The source remembers a hand-over (epoch 2), the target knows nothing of this migration: the url may lead to another or a restored database. Find out before anything is written.");
  }

  private Inspected judge() {
    return new InspectionJudgement(RUNBOOK, source.state(), target.state(), MARKER).inspected();
  }

  private static Way way(Inspected found, String title) {
    return found.ways().stream().filter(w -> w.title().equals(title)).findFirst().orElseThrow();
  }

  private static List<String> titles(Inspected found) {
    return found.ways().stream().map(Way::title).toList();
  }

  private static List<String> whats(Way way) {
    return way.steps().stream().map(ByHandStep::what).toList();
  }

  /** A side with two tables, claimed by {@code shop}, open, with nobody connected. */
  private static final class FoundSide {
    private static final List<String> TABLES = List.of("public.orders", "public.items");

    private final Side side;
    private final List<Subscription> subscriptions = new ArrayList<>();
    private final List<Slot> slots = new ArrayList<>();
    private String migration = "shop";
    private Side writable = Side.SOURCE;
    private long epoch = 1;
    private boolean claimed = true;
    private List<String> taking = TABLES;
    private List<String> refusing = List.of();
    private List<String> without = List.of();
    private int clients;
    private boolean underWay;
    private @Nullable String gone;
    private @Nullable String note;
    private @Nullable String part;

    FoundSide(Side side) {
      this.side = side;
    }

    FoundSide says(Side writable, long epoch) {
      this.writable = writable;
      this.epoch = epoch;
      return this;
    }

    FoundSide notes(String words) {
      note = words;
      return this;
    }

    /** Copied up to this stage, with markers that have arrived. */
    FoundSide part(String stage) {
      part = stage;
      return this;
    }

    FoundSide closed() {
      taking = List.of();
      refusing = TABLES;
      return this;
    }

    FoundSide open() {
      taking = TABLES;
      refusing = List.of();
      return this;
    }

    FoundSide unfenced() {
      without = TABLES;
      return open();
    }

    FoundSide streams() {
      subscriptions.add(new Subscription("whimbrel_shop_forward", true, true, 0, "0/1"));
      return this;
    }

    FoundSide reverse(boolean enabled) {
      subscriptions.add(new Subscription("whimbrel_shop_reverse", enabled, enabled, 0, "0/1"));
      return this;
    }

    FoundSide live(String walStatus) {
      slots.add(new Slot("whimbrel_shop_live", true, walStatus, "0/1", 0));
      return this;
    }

    FoundSide clients(int clients) {
      this.clients = clients;
      return this;
    }

    FoundSide underWay() {
      underWay = true;
      return this;
    }

    FoundSide heldBy(String other) {
      migration = other;
      return this;
    }

    FoundSide unclaimed() {
      claimed = false;
      return unfenced();
    }

    FoundSide gone(String why) {
      gone = why;
      return this;
    }

    SideState state() {
      String host = side == Side.SOURCE ? "db.old.example.com" : "db.new.example.com";
      Authority.Row row =
          new Authority.Row(
              migration,
              side,
              writable,
              epoch,
              null,
              epoch > 1 ? "0/1" : null,
              "f",
              true,
              note,
              THEN);
      Seen seen =
          new Seen(
              claimed ? row : null,
              "PostgreSQL 16, cluster " + side.word() + ", database 1",
              false,
              false,
              TABLES.size(),
              taking,
              refusing,
              without,
              subscriptions,
              slots,
              null,
              part == null ? null : Instant.EPOCH,
              clients,
              List.of(),
              underWay,
              "0/1",
              part,
              null,
              0);
      return new SideState(
          side,
          host + ":5432/shop",
          "postgresql://migrator@" + host + "/shop",
          gone,
          gone == null ? seen : null);
    }
  }
}
