package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A copy's snapshot, which the source keeps beyond the death of whoever asked for it. */
@Needs(Program.PG_DUMP)
class SnapshotHolderTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String KEEPERS =
      "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'DO $wait$%'";

  private static Pairs pair;
  private static int databases;

  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  /** Every table of more than sixteen pages is cut. */
  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);

  private Move move;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  /** A database of two tables of which nothing is copied yet. */
  @BeforeEach
  void prepare() throws Exception {
    String database = "copied" + ++databases;
    move = pair.database(database);
    pair.source()
        .execute(
            database,
            "CREATE TABLE big AS SELECT i AS id, repeat('x', 100) || i AS text FROM generate_series(1, 30000) i",
            "ALTER TABLE big ADD PRIMARY KEY (id)",
            "CREATE TABLE small AS SELECT i AS id, 'text' AS text FROM generate_series(1, 9) i",
            "ALTER TABLE small ADD PRIMARY KEY (id)");
    new PostgresSchema(new Secrets()).createTables(move);
    copy.prepareCopy(move);
  }

  @AfterEach
  void removeStream() {
    replication.unsubscribe(move);
  }

  @Test
  void goesOnFromTheSameSnapshotWhenEveryWorkerHasDied() throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    try (Holder first = new Holder(copy, request)) {
      copy.openGeneration(request);
      CopyPieces.take(request, 5);
      first.die();
    }
    pair.source().execute(move.migration(), "UPDATE big SET text = 'late' WHERE id % 500 = 0");
    CopyShare share;
    try (Holder second = new Holder(copy, request)) {
      share = copy.copyPieces(second.request);
    }
    Outcome copied = copy.finishCopy(move);
    replication.subscribe(move);
    replication.awaitCaughtUp(move);

    assertThat(share.snapshotLost()).isFalse();
    assertThat(copied.line()).doesNotContain("snapshots");
    String content = "SELECT sum(hashtextextended(b::text, 0)) FROM big b";
    assertThat(onTarget(content)).isEqualTo(onSource(content));
  }

  @Test
  void letsGoOfTheSnapshotWhenTheGenerationIsOver() throws Exception {
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      assertThat(keepers()).isEqualTo("1");
    }

    awaitNoKeeper();
  }

  @Test
  void endsWhatADeadWorkerLeftWhenTheStreamIsRemoved() throws Exception {
    leaveKeeper(new CopyRequest(move, 1));
    try (Connection late = pair.target().connect(move.migration())) {
      StepLock.take(late, "snapshot " + move.migration());

      replication.unsubscribe(move);

      assertThat(late.isValid(5)).as("whoever is about to record a snapshot").isFalse();
    }
    awaitNoKeeper();
  }

  @Test
  void isNotGivenUpByAnAttemptThatCannotLookForIt() throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    leaveKeeper(request);
    PostgresSpec nobody = at("postgres://postgres@127.0.0.1:1/nowhere");
    for (Move cutOff : List.of(between(nobody, move.target()), between(move.source(), nobody))) {
      try (Holder second = new Holder(copy, new CopyRequest(cutOff, 1))) {
        ApplicationFailure failure = failure(second);

        assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT);
        assertThat(failure.isNonRetryable()).as("it is tried again").isFalse();
      }
    }

    assertThat(keepers()).isEqualTo("1");
    try (Holder third = new Holder(copy, request)) {
      assertThat(copy.copyPieces(third.request).snapshotLost()).isFalse();
    }
  }

  @Test
  void isKeptWhereTheSourceTracksNoActivity() throws Exception {
    pair.source()
        .execute("postgres", "ALTER DATABASE " + move.migration() + " SET track_activities = off");
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);

      assertThat(copy.copyPieces(holder.request).snapshotLost()).isFalse();
    }
  }

  @Test
  void isNotWaitedForWhereTheSourceFallsSilentBeforeItIsKept() throws Exception {
    try (Relay far = Relay.to(pair.source().port(), Duration.ofMillis(100))) {
      Move relayed = between(at(pair.source().url(move.migration(), far)), move.target());
      try (Holder holder = new Holder(copy, new CopyRequest(relayed, 1))) {
        Wait.until(
            "its session sees the snapshot",
            LIMIT,
            () ->
                onSource(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'whimbrel "
                            + holder.request.move().migration()
                            + " snapshot 1' AND state = 'idle in transaction'")
                    .equals("1"));
        far.abandon();
      }
    }
    assertThat(onTarget("SELECT count(*) FROM whimbrel.copy_generation")).isEqualTo("0");
  }

  @Test
  void isNoSignOfALiveEngine() throws Exception {
    leaveKeeper(new CopyRequest(move, 1));
    Secrets secrets = new Secrets();
    SideLook look = new SideLook(new Databases(secrets), secrets, move.migration());

    SideState left = look.at(Side.SOURCE, move.source(), null);
    SideState alive;
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      Wait.until("somebody needs it", LIMIT, holder::isConnected);
      alive = look.at(Side.SOURCE, move.source(), null);
    }

    assertThat(Objects.requireNonNull(left.seen()).engine()).isEmpty();
    assertThat(Objects.requireNonNull(alive.seen()).engine())
        .containsExactly("whimbrel " + move.migration() + " hold-snapshot");
  }

  @Test
  void endsWhatADeadWorkerLeftWhenTheCopyIsFinished() throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    leaveKeeper(request);
    copy.copyPieces(request);

    copy.finishCopy(move);

    awaitNoKeeper();
  }

  @Test
  void endsWhatADeadWorkerLeftWhenTheNextSnapshotIsOpened() throws Exception {
    leaveKeeper(new CopyRequest(move, 1));
    try (Holder holder = new Holder(copy, new CopyRequest(move, 2))) {
      copy.openGeneration(holder.request);

      Wait.until("one snapshot is kept", LIMIT, () -> keepers().equals("1"));
      assertThat(
              onSource(
                  "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'whimbrel % snapshot _'"))
          .isEqualTo("whimbrel " + move.migration() + " snapshot 2");
    }
  }

  @Test
  void makesSlotAndSnapshotAnewWhereAnAttemptDiedBeforeItsRecord() throws Exception {
    String slot = new Names(move.migration()).copySlot(1);
    try (Connection dead = pair.source().connect(move.migration());
        Connection late = pair.target().connect(move.migration())) {
      dead.createStatement()
          .execute("SELECT pg_create_logical_replication_slot('" + slot + "', 'pgoutput')");
      dead.createStatement()
          .execute("SET application_name = 'whimbrel " + move.migration() + " snapshot 1'");
      // It has made its slot and is about to record where that begins.
      StepLock.take(late, "snapshot " + move.migration());
      String made = onSource("SELECT confirmed_flush_lsn FROM pg_replication_slots");
      pair.source().execute(move.migration(), "INSERT INTO small VALUES (10, 'in between')");

      try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
        copy.openGeneration(holder.request);
        assertThat(copy.copyPieces(holder.request).snapshotLost()).isFalse();

        assertThat(onSource("SELECT confirmed_flush_lsn FROM pg_replication_slots"))
            .isNotEqualTo(made)
            .isEqualTo(onTarget("SELECT lsn FROM whimbrel.copy_generation"));
        assertThat(late.isValid(5)).as("whoever could record another slot").isFalse();
        assertThat(dead.isValid(5)).as("the session of a snapshot that nobody finds").isFalse();
      }
      assertThat(onTarget("SELECT count(*) FROM small")).isEqualTo("10");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pg_terminate_backend", "pg_cancel_backend"})
  void keepsItOnWhereItsSessionIsEndedAndAnotherSeesIt(String how) throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    try (Holder holder = new Holder(copy, request)) {
      copy.openGeneration(request);
      try (CopyPieces reader = CopyPieces.open(request)) {
        String before = onSource("SELECT pid " + KEEPERS);
        holder.endKeeper(how);
        Wait.until(
            "another session keeps it",
            LIMIT,
            () -> onSource("SELECT count(*) " + KEEPERS + " AND pid <> " + before).equals("1"));
        assertThat(reader.pair.source().isValid(5)).isTrue();
      }

      CopyShare share = copy.copyPieces(request);
      assertThat(share.snapshotLost()).as(share.why()).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pg_terminate_backend, terminating connection due to administrator command",
    "pg_cancel_backend, canceling statement due to user request"
  })
  void isLostWhereItsSessionIsEndedAndNobodySeesIt(String how, String said) throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    try (Holder holder = new Holder(copy, request)) {
      copy.openGeneration(request);
      holder.endKeeper(how);

      assertThat(loss(holder))
          .startsWith(
              "Snapshot 1 of the copy is lost: the session that kept it was ended on the source")
          .contains(said);
      assertThat(copy.copyPieces(request).snapshotLost()).isTrue();
    }
  }

  @Test
  void isOfNoUseWithAnotherSlotThanItsOwn() throws Exception {
    CopyRequest request = new CopyRequest(move, 1);
    String slot = new Names(move.migration()).copySlot(1);
    try (Holder holder = new Holder(copy, request)) {
      copy.openGeneration(request);
      pair.source()
          .execute(
              move.migration(),
              "INSERT INTO small VALUES (10, 'in between')",
              "SELECT pg_drop_replication_slot('" + slot + "')",
              "SELECT pg_create_logical_replication_slot('" + slot + "', 'pgoutput')");

      ApplicationFailure failure = failure(holder);
      assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
      assertThat(failure.getOriginalMessage())
          .isEqualTo(
              "Replication slot "
                  + slot
                  + " does not begin where the copy's snapshot ends: somebody has replaced or read it");
      awaitNoKeeper();
    }
  }

  @Test
  void isNotTakenWhereALaterOneIs() throws Exception {
    leaveKeeper(new CopyRequest(move, 2));
    try (Holder late = new Holder(copy, new CopyRequest(move, 1))) {
      assertThat(loss(late))
          .isEqualTo("Cannot hold snapshot 1 of the copy: snapshot 2 has taken its place");
    }
    assertThat(onSource("SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"))
        .isEqualTo(new Names(move.migration()).copySlot(2));
  }

  /** A snapshot that the source keeps for a worker that has died. */
  private void leaveKeeper(CopyRequest request) throws Exception {
    try (Holder holder = new Holder(copy, request)) {
      copy.openGeneration(request);
      holder.die();
    }
    assertThat(keepers()).isEqualTo("1");
  }

  private static PostgresSpec at(String url) {
    return new PostgresSpec(url, null, null, null);
  }

  private Move between(PostgresSpec source, PostgresSpec target) {
    return new Move(
        move.migration(),
        source,
        target,
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }

  /** What a holder says of a loss that no further attempt would mend. */
  private static String loss(Holder holder) throws Exception {
    ApplicationFailure failure = failure(holder);
    assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT);
    assertThat(failure.isNonRetryable()).isTrue();
    return failure.getOriginalMessage();
  }

  private static ApplicationFailure failure(Holder holder) throws Exception {
    return (ApplicationFailure) Objects.requireNonNull(holder.failure().getCause());
  }

  private void awaitNoKeeper() {
    Wait.until("nobody keeps a snapshot", LIMIT, () -> keepers().equals("0"));
  }

  private String keepers() throws Exception {
    return onSource("SELECT count(*) " + KEEPERS);
  }

  private String onSource(String sql) throws Exception {
    return Pairs.value(pair.source(), move.migration(), sql);
  }

  private String onTarget(String sql) throws Exception {
    return Pairs.value(pair.target(), move.migration(), sql);
  }
}
