package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * An index on an expression that waits while the test holds a lock, and then says something to its
 * client for each row; a second process helps to build it.
 */
@Needs(Program.PG_DUMP)
class IndexBuildTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String UNDONE = " FROM whimbrel.copy_piece WHERE done_at IS NULL";
  private static final String PROCESSES =
      " FROM pg_stat_activity WHERE application_name LIKE '% build %' AND state = 'active' AND datname = current_database()";
  private static final String BUILDERS = PROCESSES + " AND backend_type = 'client backend'";
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());
  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL);

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void isEndedByTheServerWhenWhoeverBeganItDies() throws Exception {
    Move move = slow("dead");
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1));
        Gate gate = new Gate("dead")) {
      copy.openGeneration(holder.request);
      dieWhileBuilding(holder.request);
      String begun = builders("dead");

      CompletableFuture<CopyShare> next = copyPieces(holder.request);
      until("the next one copies all other pieces", "dead", "SELECT count(*) = 1", UNDONE);
      until(
          "it is built for longer than a server lives on without its client",
          "dead",
          "SELECT clock_timestamp() - query_start > interval '7 s'",
          BUILDERS);
      String building = builders("dead");
      gate.open();
      next.join();

      assertThat(building).isEqualTo(begun);
      assertThat(next.join().snapshotLost()).isFalse();
      assertThat(
              onTarget(
                  "dead", "SELECT indisvalid FROM pg_index WHERE indexrelid = 'slow_i'::regclass"))
          .isEqualTo("t");
      assertThat(
              onTarget(
                  "dead",
                  "SELECT count(*) FROM whimbrel.created WHERE entries::text LIKE '%slow_i%'"))
          .isEqualTo("1");
    }
    replication.unsubscribe(move);
  }

  @Test
  void isWaitedForByTheChangedRowsOfItsTableAndByNobodyElse() throws Exception {
    Move move = slow("changed");
    try (Gate gate = new Gate("changed")) {
      dieWithTheSnapshotWhileBuilding(move);
      pair.source()
          .execute(
              "changed",
              "UPDATE slow SET text = 'changed' WHERE id = 1",
              "UPDATE other SET text = 'changed' WHERE id <= 10");
      try (Holder holder = new Holder(copy, new CopyRequest(move, 2))) {
        CopyOpening opening = copy.openGeneration(holder.request);
        CompletableFuture<CopyShare> next = copyPieces(holder.request);
        until("the other table is done", "changed", "SELECT count(*) = 3", UNDONE);
        gate.open();

        assertThat(next.join().snapshotLost()).isFalse();
        assertThat(opening.bytesAgain()).isZero();
      }
    }
    assertSame("changed");
    replication.unsubscribe(move);
  }

  @Test
  void isGivenUpWhereItsTableBeginsAnew() throws Exception {
    Move move = slow("anew");
    try (Gate gate = new Gate("anew")) {
      dieWithTheSnapshotWhileBuilding(move);
      pair.source().execute("anew", "TRUNCATE slow", "INSERT INTO slow VALUES (7, 'new')");
      try (Holder holder = new Holder(copy, new CopyRequest(move, 2))) {
        copy.openGeneration(holder.request);
        String building = builders("anew");
        gate.open();
        copy.copyPieces(holder.request);

        assertThat(building).isEqualTo("nobody");
      }
    }
    assertSame("anew");
    assertThat(onTarget("anew", "SELECT count(*) FROM pg_indexes WHERE tablename = 'slow'"))
        .isEqualTo("3");
    replication.unsubscribe(move);
  }

  @Test
  void isEndedByTheUndo() throws Exception {
    Move move = slow("undone");
    try (Gate gate = new Gate("undone")) {
      dieWithTheSnapshotWhileBuilding(move);

      replication.unsubscribe(move);
      schema.dropSchema(move);

      assertThat(builders("undone")).isEqualTo("nobody");
      assertThat(onTarget("undone", "SELECT to_regclass('slow') IS NULL")).isEqualTo("t");
      gate.open();
    }
  }

  @Test
  void isNotBegunWhereAsManyAreBuiltAsMayWorkAtOnce() throws Exception {
    Move move = slow("many");
    try (Gate gate = new Gate("many");
        Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      dieWhileBuilding(holder.request);
      until("a second process helps", "many", "SELECT count(*) = 2", PROCESSES);

      Optional<CopyList.Piece> two = take(pair.move("many", 2));
      Optional<CopyList.Piece> one = take(pair.move("many", 1));
      gate.open();

      assertThat(two).map(CopyList.Piece::isBuild).contains(true);
      assertThat(one).map(CopyList.Piece::relation).contains("public.other");
    }
    replication.unsubscribe(move);
  }

  @Test
  void isLeftToWhoeverIsAtItWithoutWaitingForTheTable() throws Exception {
    Move move = slow("left");
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), move);
    try (Gate gate = new Gate("left");
        Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      CopyList.Piece piece = dieWhileBuilding(holder.request);
      CopyPair other = CopyPair.open(sessions, holder.request);
      IndexBuild build = new IndexBuild(other.target(), sessions, move);

      boolean taken = build.run(piece);
      gate.open();
      untilBuilt("left");
      boolean done;
      try (Connection user = pair.target().connect("left");
          Statement statement = user.createStatement()) {
        user.setAutoCommit(false);
        statement.execute("LOCK TABLE slow IN ACCESS EXCLUSIVE MODE");
        done = build.run(piece);
      }
      String name =
          onTarget(
              "left",
              "SELECT count(*) FROM pg_stat_activity WHERE application_name = '"
                  + sessions.application()
                  + "' AND pid = "
                  + other.to().process());
      other.close();

      assertThat(taken).isFalse();
      assertThat(done).isFalse();
      assertThat(name).isEqualTo("1");
    }
    replication.unsubscribe(move);
  }

  @Test
  void isTakenBackWhereItsTableHasBegunAnewMeanwhile() throws Exception {
    Move move = slow("late");
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), move);
    try (Gate gate = new Gate("late");
        Holder holder = new Holder(copy, new CopyRequest(move, 1));
        Connection target = pair.target().connect("late");
        Connection opener = pair.target().connect("late");
        Statement statement = opener.createStatement()) {
      copy.openGeneration(holder.request);
      CopyList.Piece piece = dieWhileBuilding(holder.request);
      CopySessions.endBuilds(target, move);
      until("it is ended", "late", "SELECT count(*) = 0", PROCESSES);
      gate.open();
      opener.setAutoCommit(false);
      statement.execute("LOCK TABLE slow IN ACCESS EXCLUSIVE MODE");
      CopyPair late = CopyPair.open(sessions, holder.request);
      CompletableFuture<Boolean> built =
          CompletableFuture.supplyAsync(
              () -> build(new IndexBuild(late.target(), sessions, move), piece));
      until(
          "it waits for the table",
          "late",
          "SELECT count(*) = 1",
          BUILDERS + " AND wait_event_type = 'Lock'");
      statement.execute(
          "UPDATE whimbrel.copy_piece SET done_at = NULL WHERE relation = 'public.slow' AND kind = 'rows'");
      opener.commit();

      assertThat(built.join()).isFalse();
      assertThat(onTarget("late", "SELECT to_regclass('slow_i') IS NULL")).isEqualTo("t");
      late.close();
    }
    replication.unsubscribe(move);
  }

  private static boolean build(IndexBuild build, CopyList.Piece piece) {
    try {
      return build.run(piece);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void isLeftAloneByThoseWhoEndTheSessionsOfTheDead() throws Exception {
    Move move = slow("ended");
    try (Gate gate = new Gate("ended");
        Holder holder = new Holder(copy, new CopyRequest(move, 1));
        Connection frozen = pair.target().connect("ended");
        Statement statement = frozen.createStatement();
        Connection target = pair.target().connect("ended")) {
      copy.openGeneration(holder.request);
      dieWhileBuilding(holder.request);
      statement.execute("SET application_name = 'whimbrel ended build 77'");

      CopySessions.endAll(target, move);

      until(
          "the one that builds nothing is ended",
          "ended",
          "SELECT count(*) = 0",
          " FROM pg_stat_activity WHERE application_name LIKE '% build 77'");
      assertThat(builders("ended")).isNotEqualTo("nobody");
      gate.open();
    }
    replication.unsubscribe(move);
  }

  @Test
  void aloneKeepsTheChangedRowsOfItsTableFromBeingTaken() throws Exception {
    Move move = slow("locked");
    try (Gate gate = new Gate("locked");
        Connection user = pair.target().connect("locked");
        Statement statement = user.createStatement()) {
      dieWithTheSnapshotWhileBuilding(move);
      pair.source().execute("locked", "UPDATE slow SET text = 'changed' WHERE id = 1");
      try (Holder holder = new Holder(copy, new CopyRequest(move, 2))) {
        copy.openGeneration(holder.request);
        Optional<CopyList.Piece> against = take(move);
        gate.open();
        untilBuilt("locked");
        user.setAutoCommit(false);
        statement.execute("LOCK TABLE slow IN SHARE MODE");
        Optional<CopyList.Piece> afterwards = take(move);

        assertThat(against).map(CopyList.Piece::relation).contains("public.other");
        assertThat(afterwards).map(CopyList.Piece::kind).contains(CopyList.Kind.CHANGES);
      }
    }
    replication.unsubscribe(move);
  }

  /** What somebody would be given now. */
  private static Optional<CopyList.Piece> take(Move move) throws SQLException {
    try (Connection target = pair.target().connect(move.migration())) {
      target.setAutoCommit(false);
      return new CopyList(target).take(move);
    }
  }

  /** A database with the index, listed for the copy. */
  private Move slow(String database) throws Exception {
    Move move = pair.database(database);
    pair.source()
        .execute(
            database,
            """
            CREATE FUNCTION held(i int) RETURNS int IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
            BEGIN
              WHILE EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objid = 42) LOOP
                PERFORM pg_catalog.pg_sleep(0.05);
              END LOOP;
              RAISE WARNING 'a word to its client';
              RETURN i;
            END $$""",
            "CREATE TABLE slow (id int PRIMARY KEY, text text)",
            "ALTER TABLE slow SET (parallel_workers = 1), ALTER text SET STORAGE PLAIN",
            "INSERT INTO slow SELECT i, repeat('x', 2000) FROM generate_series(1, 10) i",
            "CREATE INDEX slow_i ON slow (held(id))",
            "CREATE INDEX slow_t ON slow (text)",
            "CREATE TABLE other AS SELECT i AS id, 'text' AS text FROM generate_series(1, 100) i",
            "ALTER TABLE other ADD PRIMARY KEY (id)");
    schema.createTables(move);
    copy.prepareCopy(move);
    return move;
  }

  /** As {@link #dieWhileBuilding}, from a first snapshot that is lost too. */
  private void dieWithTheSnapshotWhileBuilding(Move move) throws Exception {
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      dieWhileBuilding(holder.request);
    }
  }

  /**
   * Copies rows and key of the table, and loses its connections in the middle of the index, which
   * is returned.
   */
  private static CopyList.Piece dieWhileBuilding(CopyRequest request) throws Exception {
    String database = request.move().migration();
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), request.move());
    CopyPair dying = CopyPair.open(sessions, request);
    AtomicReference<CopyList.Piece> last = new AtomicReference<>();
    CompletableFuture<Void> work =
        CompletableFuture.runAsync(() -> workUntilItDies(dying, sessions, request.move(), last));
    until(
        "it builds the index",
        database,
        "SELECT count(*) = 1",
        BUILDERS + " AND wait_event = 'PgSleep'");
    dying.abort();
    assertThat(work).failsWithin(LIMIT);
    return Objects.requireNonNull(last.get());
  }

  private static void workUntilItDies(
      CopyPair pair, CopySessions sessions, Move move, AtomicReference<CopyList.Piece> last) {
    try {
      while (true) {
        CopyList list = new CopyList(pair.target());
        CopyList.Piece piece = list.take(move).orElseThrow();
        last.set(piece);
        if (piece.isBuild()) {
          pair.target().rollback();
          new IndexBuild(pair.target(), sessions, move).run(piece);
        } else {
          list.done(piece, new PieceWork(pair, new RowPipe()).run(piece), "");
          pair.target().commit();
        }
      }
    } catch (SQLException | Snapshots.Gone e) {
      throw new IllegalStateException("died", e);
    }
  }

  private CompletableFuture<CopyShare> copyPieces(CopyRequest request) {
    return CompletableFuture.supplyAsync(() -> copy.copyPieces(request));
  }

  /** Who builds an index. */
  private static String builders(String database) throws Exception {
    return onTarget(database, "SELECT coalesce(string_agg(pid::text, ' '), 'nobody')" + BUILDERS);
  }

  private static void assertSame(String database) throws Exception {
    for (String table : new String[] {"slow", "other"}) {
      String content =
          "SELECT count(*) || ' ' || sum(hashtextextended(t::text, 0)) FROM " + table + " t";
      assertThat(onTarget(database, content))
          .as(table)
          .isEqualTo(Pairs.value(pair.source(), database, content));
    }
  }

  private static void until(String what, String database, String select, String from) {
    Wait.until(what, LIMIT, () -> onTarget(database, select + from).equals("t"));
  }

  private static void untilBuilt(String database) {
    until(
        "it is built",
        database,
        "SELECT count(*) = 1",
        " FROM pg_indexes WHERE indexname = 'slow_i'");
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }

  /** Keeps the index from being built until it is opened. */
  private static final class Gate implements AutoCloseable {
    private final Connection session;

    Gate(String database) throws SQLException {
      session = pair.target().connect(database);
      try (Statement statement = session.createStatement()) {
        statement.execute("SELECT pg_advisory_lock(42)");
      }
    }

    void open() throws SQLException {
      session.close();
    }

    @Override
    public void close() throws SQLException {
      session.close();
    }
  }
}
