package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The databases in which suites write: each is made once, dropped by its mark, and no other is. */
class SuiteClonesTest {
  private static final PostgresSuiteClones CLONES = new PostgresSuiteClones(new Secrets());
  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void makesADatabaseOnceAndDropsItOnce() throws Exception {
    SuiteClone clone = clone(pair.database("once"), "11111111");

    assertThat(CLONES.createSuiteClone(clone).line())
        .startsWith("whimbrel_once_suite_11111111 is made, for about ");
    CLONES.createSuiteClone(clone);
    assertThat(exists(clone)).isTrue();
    assertThat(CLONES.dropSuiteClone(clone).line()).endsWith("is dropped");
    assertThat(CLONES.dropSuiteClone(clone).line()).endsWith("was dropped before, or never made");
    assertThat(exists(clone)).isFalse();
  }

  @Test
  void makesNothingThatWasDroppedBefore() throws Exception {
    Move move = pair.database("late");
    SuiteClone clone = clone(move, "11111111");
    CLONES.createSuiteClone(clone);
    CLONES.dropSuiteClone(clone);
    SuiteClone never = clone(move, "22222222");
    CLONES.dropSuiteClone(never);

    for (SuiteClone late : new SuiteClone[] {clone, never}) {
      assertThatThrownBy(() -> CLONES.createSuiteClone(late))
          .hasMessageContaining("a late attempt begins nothing");
      assertThat(exists(late)).isFalse();
    }
  }

  @Test
  void leavesANewerCloneAloneWhenTheEarlierIsDroppedLate() throws Exception {
    Move move = pair.database("newer");
    SuiteClone earlier = clone(move, "11111111");
    SuiteClone newer = clone(move, "22222222");
    CLONES.createSuiteClone(earlier);
    CLONES.createSuiteClone(newer);

    CLONES.dropSuiteClone(earlier);
    CLONES.dropSuiteClone(earlier);

    assertThat(exists(earlier)).isFalse();
    assertThat(exists(newer)).isTrue();
    CLONES.dropSuiteClone(newer);
  }

  @Test
  void goesOnWhereAnAttemptDiedBetweenItsRecordAndTheDatabase() throws Exception {
    Move move = pair.database("died");
    SuiteClone first = clone(move, "11111111");
    CLONES.createSuiteClone(first);
    CLONES.dropSuiteClone(first);
    SuiteClone clone = clone(move, "22222222");
    SuiteClone other = clone(move, "33333333");
    for (SuiteClone recorded : new SuiteClone[] {clone, other}) {
      pair.target()
          .execute(
              "died",
              "INSERT INTO whimbrel.suite_clone (mark, database, over, gone) VALUES ('%s', '%s', false, false)"
                  .formatted(recorded.mark(), recorded.database()));
    }

    CLONES.createSuiteClone(clone);

    assertThat(exists(clone)).isTrue();
    assertThat(CLONES.dropSuiteClone(other).line()).endsWith("is dropped");
    assertThat(CLONES.dropSuiteClones(move).line()).isEqualTo("1 clones of a suite are dropped");
    assertThat(exists(clone)).isFalse();
  }

  @Test
  void endsAFrozenAttemptBeforeItSaysThatNothingIsLeft() throws Exception {
    Move move = pair.database("frozen");
    SuiteClone clone = clone(move, "11111111");
    try (Connection frozen = pair.target().connect("frozen");
        Statement late = frozen.createStatement()) {
      StepLock.take(frozen, "suite-clone frozen");

      CLONES.dropSuiteClone(clone);

      assertThatThrownBy(() -> late.execute(NewDatabase.creation(frozen, clone.database())))
          .isInstanceOf(SQLException.class);
    }
    assertThat(exists(clone)).isFalse();
  }

  @Test
  void neverDropsADatabaseThatItHasNotMade() throws Exception {
    Move move = pair.database("foreign");
    SuiteClone clone = clone(move, "11111111");
    pair.target().createDatabase(clone.database());

    assertThatThrownBy(() -> CLONES.createSuiteClone(clone))
        .hasMessageContaining("this migration has not made it");
    CLONES.dropSuiteClone(clone);
    CLONES.dropSuiteClones(move);

    assertThat(exists(clone)).isTrue();
  }

  @Test
  void dropsADatabaseThatIsUsedAndHoldsWhatKeepsIt() throws Exception {
    Move move = pair.database("used");
    SuiteClone clone = clone(move, "11111111");
    CLONES.createSuiteClone(clone);
    try (Connection suite = pair.target().connect(clone.database());
        Statement statement = suite.createStatement()) {
      statement.execute("CREATE TABLE mess (id int)");
      statement.execute("BEGIN; INSERT INTO mess VALUES (1); PREPARE TRANSACTION 'it''s left'");
      statement.execute(
          "CREATE SUBSCRIPTION \"the suite's\" CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION x WITH (connect = false)");
      statement.execute("ALTER DATABASE " + clone.database() + " IS_TEMPLATE true");
      statement.execute("BEGIN; LOCK TABLE pg_class");

      assertThat(CLONES.dropSuiteClones(move).line()).isEqualTo("1 clones of a suite are dropped");
    }
    assertThat(exists(clone)).isFalse();
    assertThat(CLONES.dropSuiteClones(move).line()).isEqualTo("no clone of a suite is left");
  }

  @Test
  void namesEveryCloneThatCannotBeDroppedAndDropsTheOthers() throws Exception {
    PostgresServer target = pair.target();
    target.createDatabase("stuck");
    target.execute(
        "stuck",
        "CREATE ROLE stuck LOGIN CREATEDB",
        "GRANT CREATE ON DATABASE stuck TO stuck",
        "GRANT pg_signal_backend TO stuck");
    try (Connection connection = target.connect("stuck", "stuck", null)) {
      Authority.claim(connection, "stuck", Side.TARGET);
    }
    Move all = pair.move("stuck");
    Move move =
        new Move(
            "stuck",
            all.source(),
            new PostgresSpec(target.url("stuck", "stuck"), null, null, null),
            List.of(),
            List.of(),
            1,
            Duration.ofSeconds(1));
    SuiteClone kept = clone(move, "11111111");
    SuiteClone other = clone(move, "22222222");
    CLONES.createSuiteClone(kept);
    CLONES.createSuiteClone(other);
    try (Connection exporter = target.connect(kept.database())) {
      assertThatThrownBy(() -> CLONES.dropSuiteClones(move))
          .hasMessageContaining("is left: database " + kept.database() + " (ERROR: ");
      try (Connection look = target.connect("stuck")) {
        assertThat(new SuiteDatabases(new Databases(new Secrets()), move).dropAllOrSay(look))
            .contains("LEFT on the target's server", kept.database());
      }
      assertThat(exporter.isClosed()).isFalse();
    }
    assertThat(exists(other)).isFalse();
    CLONES.dropSuiteClones(move);
    assertThat(exists(kept)).isFalse();
  }

  /** What comes behind drops the record, and with it whose database that is. */
  @Test
  void comesAgainForWhatMayPassByItself() throws Exception {
    PostgresServer target = pair.target();
    Move move = pair.database("passing");
    SuiteClone clone = clone(move, "11111111");
    CLONES.createSuiteClone(clone);
    try (Connection other = target.connect("postgres");
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE pg_catalog.pg_database IN SHARE MODE");
      CompletableFuture<Outcome> dropping =
          CompletableFuture.supplyAsync(() -> CLONES.dropSuiteClones(move));
      Wait.until(
          "the drop that waited was cancelled",
          Duration.ofSeconds(30),
          () ->
              onTarget(
                      "passing",
                      "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                          + " WHERE wait_event_type = 'Lock' AND query LIKE 'DROP DATABASE%'")
                  .equals("1"));
      assertThatThrownBy(() -> dropping.get(30, TimeUnit.SECONDS))
          .cause()
          .isInstanceOfSatisfying(
              ApplicationFailure.class,
              failure -> assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT))
          .hasMessageContaining("is left: database " + clone.database());
    }
    assertThat(exists(clone)).isTrue();
    assertThat(CLONES.dropSuiteClones(move).line()).isEqualTo("1 clones of a suite are dropped");
  }

  @Test
  void makesNothingWhereThereIsNoRoom() throws Exception {
    Move move = pair.database("full");
    SuiteClone clone = clone(withStorage(move, "20MB"), "11111111");

    assertThatThrownBy(() -> CLONES.createSuiteClone(clone))
        .hasMessageContaining("No room for a clone of the target: it needs about ")
        .hasMessageContaining("the storage is 20MB");
    assertThat(exists(clone)).isFalse();

    CLONES.createSuiteClone(clone(withStorage(move, "20GB"), "22222222"));
    CLONES.dropSuiteClones(move);
  }

  @Test
  void beginsNothingForAnotherMigrationOrWithoutAClaim() throws Exception {
    Move move = pair.database("claimed");
    Move other =
        new Move(
            "other",
            move.source(),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag());

    assertThatThrownBy(() -> CLONES.createSuiteClone(clone(other, "11111111")))
        .hasMessageContaining("belongs to migration claimed");
    pair.target().execute("claimed", "DROP SCHEMA whimbrel CASCADE");
    assertThatThrownBy(() -> CLONES.createSuiteClone(clone(move, "11111111")))
        .hasMessageContaining("is not claimed");
    assertThat(CLONES.dropSuiteClones(move).line()).isEqualTo("no clone of a suite is left");
    assertThat(CLONES.dropSuiteClone(clone(move, "11111111")).line())
        .contains("nothing of this migration is there");
  }

  @Test
  void beginsNothingBehindTheHandOverAndLeavesNothingBehindTheCleanUp() throws Exception {
    try (World world = new World(pair)) {
      SuiteClone left = clone(world.move(), "11111111");
      CLONES.createSuiteClone(left);
      world.prepared().switchover().handOver(world.to(Side.TARGET));

      assertThatThrownBy(() -> CLONES.createSuiteClone(clone(world.move(), "22222222")))
          .hasMessageContaining("the target takes the writes by now");

      world.switchover().stopReverse(world.move());
      world.switchover().cleanUp(world.move());
      assertThat(exists(left)).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LC_COLLATE 'C' LC_CTYPE 'C'",
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
      })
  void isLikeTheTargetInEncodingCollationOwnerAndGrants(String options) throws Exception {
    PostgresServer target = pair.target();
    target.execute(
        "postgres",
        "DO $$ BEGIN CREATE ROLE keeper; CREATE ROLE visitor; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "DROP DATABASE IF EXISTS alike",
        "CREATE DATABASE alike TEMPLATE template0 OWNER keeper " + options,
        "REVOKE ALL ON DATABASE alike FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE alike TO visitor");
    Move move = pair.move("alike");
    try (Connection connection = target.connect("alike")) {
      Authority.claim(connection, "alike", Side.TARGET);
    }
    SuiteClone clone = clone(move, "11111111");

    CLONES.createSuiteClone(clone);

    String all =
        "SELECT concat_ws('|', pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,"
            + " daticulocale, pg_get_userbyid(datdba), has_database_privilege('visitor', oid, 'CONNECT'),"
            + " EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0)) FROM pg_database WHERE datname = ";
    assertThat(onTarget("postgres", all + "'" + clone.database() + "'"))
        .isEqualTo(onTarget("postgres", all + "'alike'"))
        .endsWith("|keeper|t|f");
    CLONES.dropSuiteClones(move);
    target.execute("postgres", "DROP DATABASE alike");
  }

  @Test
  void needsNoMoreThanTheRightToMakeDatabases() throws Exception {
    PostgresServer target = pair.target();
    target.createDatabase("humble");
    target.execute(
        "humble", "CREATE ROLE humble LOGIN", "GRANT CREATE ON DATABASE humble TO humble");
    try (Connection connection = target.connect("humble", "humble", null)) {
      Authority.claim(connection, "humble", Side.TARGET);
    }
    Move all = pair.move("humble");
    Move move =
        new Move(
            "humble",
            all.source(),
            new PostgresSpec(target.url("humble", "humble"), null, null, "10GB"),
            List.of(),
            List.of(),
            1,
            Duration.ofSeconds(1));
    SuiteClone clone = clone(move, "11111111");

    assertThatThrownBy(() -> CLONES.createSuiteClone(clone))
        .hasMessageContaining("permission denied to create database");
    target.execute("humble", "ALTER ROLE humble CREATEDB");
    CLONES.createSuiteClone(clone);

    assertThat(exists(clone)).isTrue();
    CLONES.dropSuiteClone(clone);
    assertThat(exists(clone)).isFalse();
  }

  @Test
  void twoWhoMakeAndDropAtOnceLeaveNothing() throws Exception {
    Move move = pair.database("rivals");
    for (int i = 0; i < 5; i++) {
      SuiteClone clone = clone(move, "1111111" + i);
      CompletableFuture<Void> making =
          CompletableFuture.runAsync(() -> CLONES.createSuiteClone(clone)).exceptionally(e -> null);
      // Each may end the other's session, and comes again as an activity does.
      Wait.until(
          "it is dropped",
          Duration.ofSeconds(60),
          () -> !CLONES.dropSuiteClone(clone).line().isEmpty());
      making.get(60, TimeUnit.SECONDS);

      assertThat(exists(clone)).isFalse();
    }
  }

  private static SuiteClone clone(Move move, String mark) {
    return new SuiteClone(move, mark);
  }

  private static Move withStorage(Move move, @Nullable String storage) {
    PostgresSpec target = new PostgresSpec(move.target().url(), null, null, storage);
    return new Move(
        move.migration(),
        move.source(),
        target,
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        Duration.ofSeconds(1));
  }

  private static boolean exists(SuiteClone clone) throws SQLException {
    return onTarget(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname = '" + clone.database() + "'")
        .equals("1");
  }

  private static String onTarget(String database, String sql) throws SQLException {
    return Pairs.value(pair.target(), database, sql);
  }
}
