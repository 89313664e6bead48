package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * A database whose source is closed before it is copied, with its steps as a migration has them.
 */
final class ClosedShop implements AutoCloseable {
  final Pairs pair;
  final String name;
  final Move move;
  final PostgresSourceClosing closing = new PostgresSourceClosing(new Secrets());
  final PostgresSwitchover switchover = new PostgresSwitchover(new Secrets());
  final PostgresSchema schema = new PostgresSchema(new Secrets());

  /** Every table of more than sixteen pages is cut. */
  final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);

  /** What the applications know of: the target as soon as somebody may be led there. */
  volatile boolean targetIsKnown;

  private int snapshots;

  ClosedShop(Pairs pair, String name) throws SQLException {
    this.pair = pair;
    this.name = name;
    this.move = pair.database(name).closedFirst();
    for (var server : java.util.List.of(pair.source(), pair.target())) {
      server.execute(
          name, "DO $$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$");
    }
    pair.source()
        .execute(
            name,
            Load.SCHEMA,
            "CREATE TABLE archive AS SELECT i AS id, repeat('x', 100) || i AS text FROM generate_series(1, 20000) i",
            "ALTER TABLE archive ADD PRIMARY KEY (id)",
            "CREATE INDEX archive_text ON archive (text)",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app");
  }

  /** As far as a closing needs it. */
  ClosedShop prepared() {
    schema.createTables(move);
    Readiness ready = switchover.prepareSwitchover(move);
    assertThat(ready.canGoBack()).as("%s", ready.findings()).isTrue();
    return this;
  }

  ClosingRequest request(int number) {
    return new ClosingRequest(move, number, 1, Duration.ofHours(1));
  }

  /** One that holds writers up for no longer than this. */
  ClosingRequest hasty(int number, Duration budget) {
    return new ClosingRequest(
        new Move(
            move.migration(),
            move.source(),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag(),
            move.throttle(),
            move.wal(),
            move.tables(),
            budget,
            move.stages(),
            true,
            null),
        number,
        1,
        Duration.ofHours(1));
  }

  Closed close(int number) {
    return closing.closeSource(request(number));
  }

  /** Rows, keys and indexes, behind a closing that holds. */
  void copy() {
    copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, ++snapshots))) {
      copy.openGeneration(holder.request);
      assertThat(copy.copyPieces(holder.request).snapshotLost()).isFalse();
    }
    copy.finishCopy(move);
    schema.createRest(move);
  }

  /** Drops what was copied and begins anew. */
  void forgetCopy() {
    new PostgresReplication(new Secrets()).unsubscribe(move);
    schema.dropSchema(move);
    schema.createTables(move);
    snapshots = 0;
  }

  VerificationReport compare() {
    return new PostgresVerification(new Secrets(), progress -> {})
        .verify(new VerifyRequest(move, Side.SOURCE));
  }

  /** The second preparation, behind the copy. */
  Readiness readied() {
    Readiness ready = switchover.prepareSwitchover(move);
    targetIsKnown = true;
    return ready;
  }

  SwitchoverRequest handOver(int number) {
    return new SwitchoverRequest(
            move, Side.TARGET, Duration.ofSeconds(5), Duration.ofSeconds(30), null, "a test")
        .inEpoch(1L)
        .behind(number);
  }

  SwitchoverRequest back() {
    return new SwitchoverRequest(
        move, Side.SOURCE, Duration.ofSeconds(5), Duration.ofSeconds(30), null, "a test");
  }

  Load load(int writers) {
    return new Load(
            side ->
                (side == Side.TARGET && targetIsKnown ? pair.target() : pair.source())
                    .connect(name, "app", null),
            true)
        .start(writers);
  }

  Closing.State state() throws SQLException {
    try (Connection source = pair.source().connect(name)) {
      return Closing.read(source).orElseThrow();
    }
  }

  /** As if nobody had renewed the closing for so long; a negative time sets the clock back. */
  void silentFor(Duration time) {
    pair.source()
        .execute(
            name,
            "UPDATE whimbrel.closing SET renewed = clock_timestamp() - interval '%d milliseconds'"
                .formatted(time.toMillis()));
  }

  boolean renews(int number) throws SQLException {
    try (Connection source = pair.source().connect(name)) {
      return Closing.renew(source, number);
    }
  }

  /** Ends a closing, and leaves its triggers. */
  void ends(int number) throws SQLException {
    try (Connection source = pair.source().connect(name)) {
      Closing.end(source, number, "ended by a test");
    }
  }

  /** Whether a hand-over finds that nobody can have written; it is taken back. */
  boolean spent(int number) {
    try (Connection source = pair.source().connect(name);
        Statement statement = source.createStatement()) {
      source.setAutoCommit(false);
      statement.execute(
          "LOCK TABLE entry, counter, event, event_0, event_1, archive, \"Übung x\" IN SHARE ROW EXCLUSIVE MODE");
      Verbatim.execute(
          source, "DO $$ DECLARE t record; BEGIN " + ClosingSql.spend(number) + " END $$");
      source.rollback();
      return true;
    } catch (SQLException e) {
      assertThat(e.getSQLState()).isEqualTo(Closing.BROKEN_STATE);
      return false;
    }
  }

  /** As after {@link #prepared} by a role that may not make event triggers. */
  ClosedShop withoutEventTriggers() throws SQLException {
    try (Connection source = pair.source().connect(name)) {
      DdlFence.lift(source);
    }
    return this;
  }

  /** A session of the application's own role. */
  Connection app() throws SQLException {
    return pair.source().connect(name, "app", null);
  }

  /** Has the application's own role do something. */
  void asApp(String sql) throws SQLException {
    try (Connection app = app();
        Statement statement = app.createStatement()) {
      statement.execute(sql);
    }
  }

  String onSource(String sql) throws SQLException {
    return Pairs.value(pair.source(), name, sql);
  }

  String onTarget(String sql) throws SQLException {
    return Pairs.value(pair.target(), name, sql);
  }

  @Override
  public void close() throws SQLException {
    switchoverSlots();
  }

  /** A server has few slots. */
  private void switchoverSlots() throws SQLException {
    for (Side side : Side.values()) {
      var server = side == Side.SOURCE ? pair.source() : pair.target();
      server.execute(
          name,
          """
          DO $$ DECLARE s record; BEGIN
            FOR s IN SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LOOP
              EXECUTE format('ALTER SUBSCRIPTION %1$I DISABLE', s.subname);
              EXECUTE format('ALTER SUBSCRIPTION %1$I SET (slot_name = NONE)', s.subname);
              EXECUTE format('DROP SUBSCRIPTION %I', s.subname);
            END LOOP;
          END $$""");
    }
    Wait.until(
        "slots are dropped",
        Duration.ofSeconds(20),
        () -> {
          onTarget(
              "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL AND database = current_database()");
          onTarget(
              "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE database = current_database()");
          return true;
        });
  }
}
