package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.Parked;
import dev.whimbrel.migration.MigrationStatus.RollbackOffer;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.Verified;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StatusTextTest {
  @Test
  void saysFirstWhereWritesGoAndWhetherOneCanGoBack() {
    assertThat(StatusText.of(Statuses.inTheWindow(), ZoneOffset.UTC).get(0))
        .isEqualTo(
            "WRITES GO TO: target (since 02:14:07, epoch 3). GO BACK: yes, until Wed 02:14, about 2 s,"
                + " 0 writes at risk: whimbrel rollback shop");
  }

  @Test
  void showsWhatIsDoneNowAndWhatRetries() {
    assertThat(StatusText.of(Statuses.inTheWindow(), ZoneOffset.UTC))
        .contains(
            "shop: WAITING_FOR_TIME, phase cutover, step cutover.window, since 02:15:00, waiting for"
                + " the end of the rollback window",
            "NOW: the way back is 3 ms behind (50 %)",
            "RETRYING: AwaitTail, attempt 9: 2 clients are left",
            "LAG: 3 ms, 0 B",
            "TRAFFIC: 100 % goes to the target",
            "VERIFIED: 3 min ago, 41,213,870 rows, 0 differences, not compared: public.blobs: no key",
            "SWITCHOVER: writes paused for 38 ms, 1 attempt",
            "NEXT: nothing, it goes on by itself. To be told when a person is needed: whimbrel wait"
                + " shop",
            "TO GO BACK: whimbrel rollback shop --reason …");
  }

  /** A step's comparison counts from its end, a round's from its beginning: both are told. */
  @Test
  void saysWhenALongComparisonBeganAndWhenItEnded() {
    Instant began = Statuses.NOW.minusSeconds(36_000);
    Instant ended = Statuses.NOW.minusSeconds(180);

    for (Instant at : List.of(began, ended)) {
      assertThat(verified(new Verified(at, 7, 0, List.of(), began, ended)))
          .isEqualTo("VERIFIED: begun 10 h ago, ended 3 min ago, 7 rows, 0 differences");
    }
    assertThat(
            ReportText.of(
                Statuses.inTheWindow(new Verified(began, 7, 0, List.of(), began, ended)),
                new Timeline(List.of(), 7),
                ZoneOffset.UTC))
        .contains("| Verified | 7 rows from %s to %s, 0 differences |".formatted(began, ended));
    assertThat(verified(new Verified(ended, 7, 0, List.of(), ended.minusSeconds(59), ended)))
        .isEqualTo("VERIFIED: 3 min ago, 7 rows, 0 differences");
  }

  private static String verified(Verified verified) {
    return StatusText.of(Statuses.inTheWindow(verified), ZoneOffset.UTC).stream()
        .filter(line -> line.startsWith("VERIFIED: "))
        .findFirst()
        .orElse("");
  }

  @Test
  void namesWhoUsesTheSourceWhileItTakesTheWrites() {
    MigrationStatus waiting =
        Statuses.waitingForApproval("shop", Statuses.NOW, State.WAITING_FOR_APPROVAL, null);

    assertThat(
            StatusText.of(
                new Snapshot(waiting, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .contains(
            "USES THE SOURCE: app from 192.0.2.7 (shop), writes, follows by: people (connect: manual)");
    assertThat(StatusText.of(Statuses.inTheWindow(), ZoneOffset.UTC))
        .noneMatch(line -> line.startsWith("USES THE SOURCE"));
  }

  @Test
  void saysThatNobodyCanWriteWhileTheSourceIsClosedForACopy() {
    MigrationStatus closed =
        status(
            "source",
            State.RUNNING,
            "cutover",
            new RollbackOffer(true, null, 2, 0L),
            List.of(),
            new MigrationStatus.SourceClosed(
                Statuses.NOW.minusSeconds(60), Statuses.NOW.plusSeconds(3600)));

    assertThat(
            StatusText.headline(
                new Snapshot(closed, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .matches(
            "WRITES GO TO: nobody \\(source closed since [0-9:]+ for an offline copy, opens by itself at"
                + " [0-9:]+ at the latest\\)\\. GO BACK: yes, at any time, about 2 s, 0 writes at risk: whimbrel rollback shop");
    assertThat(
            StatusText.headline(
                new Snapshot(closed, false, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .startsWith("WRITES GO TO: source (as last recorded)");
  }

  /** A hand-over has spent the closing: nothing opens by itself any more. */
  @Test
  void doesNotSayThatTheSourceOpensByItselfWhereAHandOverWasSent() {
    MigrationStatus sent =
        status(
            "unknown",
            State.NEEDS_HELP,
            "cutover",
            new RollbackOffer(true, null, 2, 0L),
            List.of(),
            new MigrationStatus.SourceClosed(
                Statuses.NOW.minusSeconds(60), Statuses.NOW.plusSeconds(3600)));

    assertThat(
            StatusText.headline(
                new Snapshot(sent, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .startsWith("WRITES GO TO: unknown (a hand-over was sent, its end is not known,")
        .doesNotContain("opens by itself");
  }

  @Test
  void shoutsWhenThereIsNoWayBack() {
    assertThat(
            headline(
                State.WAITING_FOR_TIME, "cutover", new RollbackOffer(false, null, 0, 0L), true))
        .endsWith("GO BACK: NO");
    assertThat(headline(State.RUNNING, "decommission", new RollbackOffer(false, null, 0, 0L), true))
        .endsWith("GO BACK: no, the way back is closed");
    assertThat(headline(State.ENDED, "decommission", new RollbackOffer(false, null, 0, 0L), true))
        .endsWith("GO BACK: no, the migration has ended");
  }

  @Test
  void saysWhyTheWayBackWasGivenUp() {
    RollbackOffer lost =
        new RollbackOffer(false, null, 0, 0L, "THE WAY BACK IS LOST: the disk", List.of());

    assertThat(headline(State.WAITING_FOR_TIME, "cutover", lost, true))
        .endsWith("GO BACK: NO, THE WAY BACK IS LOST: the disk");
    assertThat(headline(State.WAITING_FOR_APPROVAL, "decommission", lost, true))
        .endsWith("GO BACK: no, the way back is closed, THE WAY BACK IS LOST: the disk");
  }

  @Test
  void saysWhatAWayBackDoesNotBringAlong() {
    RollbackOffer offer =
        new RollbackOffer(true, null, 2, 0L, null, List.of("public.cache", "log.*"));
    MigrationStatus there = status("target", State.WAITING_FOR_TIME, "cutover", offer, List.of());

    assertThat(
            StatusText.headline(
                new Snapshot(there, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .endsWith(
            "GO BACK: yes, at any time, about 2 s, 0 writes at risk BUT THOSE TO public.cache, log.*,"
                + " which stay on the target: whimbrel rollback shop");
    assertThat(Decisions.Rollback.intent(there, false))
        .isEqualTo(
            "hand the writes back to the source (writes pause for a moment), then point names back;"
                + " what was written to public.cache, log.* on the target does not come back, and the"
                + " target is kept, closed, for it.");
    assertThat(headline(State.RUNNING, "replicate", offer, true))
        .endsWith("0 writes at risk: whimbrel rollback shop");
    assertThat(
            Decisions.Rollback.intent(
                status("source", State.RUNNING, "replicate", offer, List.of()), false))
        .doesNotContain("public.cache");
  }

  @Test
  void warnsBeforeSomethingDoesHarm() {
    MigrationStatus s =
        status(
            "source", State.RUNNING, "replicate", new RollbackOffer(true, null, 4, 0L), List.of());
    Snapshot.Activity watch =
        new Snapshot.Activity(
            "AwaitWal", "41 GB kept", null, null, 1, null, "82 % of the limit\nat the limit …");

    assertThat(
            StatusText.of(
                new Snapshot(s, true, List.of(watch), null, Statuses.NOW), ZoneOffset.UTC))
        .containsSubsequence("WARNING: 82 % of the limit\n  at the limit …", "NOW: 41 GB kept");
  }

  @Test
  void saysWhatNobodyKnows() {
    RollbackOffer risky = new RollbackOffer(true, null, 2, null);
    MigrationStatus closed = status("unknown", State.NEEDS_HELP, "cutover", risky, List.of());

    assertThat(
            StatusText.headline(
                new Snapshot(closed, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC))
        .startsWith("WRITES GO TO: unknown (a hand-over was sent, its end is not known,")
        .contains("whimbrel inspect RUNBOOK")
        .contains("about 2 s, an unknown number of writes at risk");
  }

  @Test
  void promisesNothingWhenNobodyAnswers() {
    assertThat(headline(State.NO_WORKER, "cutover", new RollbackOffer(false, null, 0, 0L), false))
        .isEqualTo(
            "WRITES GO TO: source (as last recorded). GO BACK: not known, no worker answers");
    assertThat(
            headline(State.ENGINE_STUCK, "cutover", new RollbackOffer(false, null, 0, 0L), false))
        .endsWith("GO BACK: not known, the engine is stuck");
  }

  @Test
  void showsTheRemedyOfAParkedStep() {
    MigrationStatus s =
        status(
            "source",
            State.NEEDS_HELP,
            "replicate",
            new RollbackOffer(true, null, 4, 0L),
            List.of(
                new Parked(
                    "replicate.catch-up",
                    Statuses.NOW,
                    "orders has no key",
                    "give it one",
                    "ALTER TABLE orders\n  ADD PRIMARY KEY (id);",
                    false)));

    List<String> lines =
        StatusText.of(new Snapshot(s, true, List.of(), null, Statuses.NOW), ZoneOffset.UTC);

    assertThat(lines)
        .containsSubsequence(
            "NEEDS HELP: replicate.catch-up: orders has no key",
            "  give it one",
            "    ALTER TABLE orders",
            "      ADD PRIMARY KEY (id);");
  }

  @Test
  void speaksOfTimeAndAmountsAsPeopleDo() {
    Instant now = Statuses.NOW;

    assertThat(Words.time(now.plusSeconds(60), now, ZoneOffset.UTC)).isEqualTo("02:21:00");
    assertThat(Words.time(now.plusSeconds(86_400), now, ZoneOffset.UTC)).isEqualTo("Wed 02:20");
    assertThat(Words.time(now.plusSeconds(864_000), now, ZoneOffset.UTC))
        .isEqualTo("2026-03-13 02:20");
    assertThat(Words.bytes(999)).isEqualTo("999 B");
    assertThat(Words.bytes(1_400_000_000)).isEqualTo("1.4 GB");
    assertThat(Words.bytes(999_999)).isEqualTo("1.0 MB");
    assertThat(Words.plural(1, "write")).isEqualTo("1 write");
  }

  private static String headline(State state, String phase, RollbackOffer offer, boolean answered) {
    return StatusText.headline(
        new Snapshot(
            status("source", state, phase, offer, List.of()),
            answered,
            List.of(),
            null,
            Statuses.NOW),
        ZoneOffset.UTC);
  }

  private static MigrationStatus status(
      String writesGoTo, State state, String phase, RollbackOffer offer, List<Parked> parked) {
    return status(writesGoTo, state, phase, offer, parked, null);
  }

  static MigrationStatus status(
      String writesGoTo,
      State state,
      String phase,
      RollbackOffer offer,
      List<Parked> parked,
      MigrationStatus.@Nullable SourceClosed closed) {
    return new MigrationStatus(
        "shop",
        phase,
        null,
        state,
        Statuses.NOW,
        null,
        null,
        writesGoTo,
        null,
        1,
        List.of(),
        offer,
        null,
        null,
        null,
        null,
        parked,
        List.of(),
        List.of(),
        null,
        closed);
  }
}
