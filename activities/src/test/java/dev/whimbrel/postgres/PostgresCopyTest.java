package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class PostgresCopyTest {
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  /** Every table of more than sixteen pages is cut. */
  private final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void carriesADatabaseAndTheStreamGoesOnFromItsSnapshot() throws Exception {
    Move move = pair.database("shop");
    Corpus.load(pair.source(), "shop", "pagila");
    schema.createTables(move);

    CopyPlan plan = copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      pair.source()
          .execute(
              "shop",
              "UPDATE actor SET first_name = 'NEW' WHERE actor_id <= 10",
              "DELETE FROM payment WHERE payment_id % 7 = 0");
      List<CopyShare> shares = together(3, () -> copy.copyPieces(holder.request));
      assertThat(shares).noneMatch(CopyShare::snapshotLost);
    }
    Outcome copied = copy.finishCopy(move);
    Outcome subscribed = replication.subscribe(move);
    Outcome again = replication.subscribe(move);
    replication.awaitCaughtUp(move);
    schema.createRest(move);

    assertThat(plan.line()).matches("21 tables, \\d+ KB");
    assertThat(copied.line()).matches("[\\d,]+ rows in 21 tables, \\d+ KB, \\d+ keys and indexes");
    assertThat(subscribed.line())
        .isEqualTo("21 tables subscribed, the stream runs as whimbrel_shop");
    assertThat(again.line()).isEqualTo("21 tables are subscribed already");
    assertSame("shop", "actor", "payment", "film", "rental");
    assertThat(onTarget("shop", "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'"))
        .isEqualTo("0");
    assertThat(onSource("shop", "SELECT string_agg(slot_name, ',') FROM pg_replication_slots"))
        .isEqualTo("whimbrel_shop_forward");
    replication.unsubscribe(move);
    assertThat(onTarget("shop", "SELECT to_regclass('whimbrel.copy_piece') IS NULL"))
        .isEqualTo("t");
  }

  @Test
  void bringsWhatWasCopiedToTheNextSnapshotWhenOneIsLost() throws Exception {
    Move move = pair.database("lost");
    big("lost");
    schema.createTables(move);
    copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      CopyPieces.take(holder.request, 5);
    }
    pair.source()
        .execute(
            "lost",
            "UPDATE big SET text = text || 'changed' WHERE id % 500 = 0",
            "DELETE FROM big WHERE id % 501 = 0",
            "UPDATE big SET id = id + 1000000 WHERE id % 777 = 0",
            "INSERT INTO big SELECT i, 'new' FROM generate_series(900001, 900100) i");

    CopyOpening opening;
    CopyShare share;
    try (Holder holder = new Holder(copy, new CopyRequest(move, 2))) {
      opening = copy.openGeneration(holder.request);
      assertThat(copy.openGeneration(holder.request)).isEqualTo(opening);
      pair.source().execute("lost", "UPDATE big SET text = 'late' WHERE id % 333 = 0");
      share = copy.copyPieces(holder.request);
    }
    Outcome copied = copy.finishCopy(move);
    replication.subscribe(move);
    replication.awaitCaughtUp(move);

    assertThat(opening.bytesAgain()).isZero();
    assertThat(share.snapshotLost()).isFalse();
    assertThat(share.pieces()).isGreaterThan(10);
    assertThat(copied.line()).endsWith("; 2 snapshots, 0 B copied twice");
    assertSame("lost", "big", "small");
    assertThat(onTarget("lost", "SELECT count(*) FROM pg_indexes WHERE tablename = 'big'"))
        .isEqualTo("2");
    replication.unsubscribe(move);
  }

  @Test
  void findsChangedRowsByKeysOfEveryKind() throws Exception {
    Move move = pair.database("keys");
    pair.source()
        .execute(
            "keys",
            "CREATE TYPE mood AS ENUM ('good', 'Very Bad')",
            "CREATE DOMAIN code AS char(6)",
            """
            CREATE TABLE "Odd Keys" (
              "char" char(8), yes boolean, mood mood, code code, at timestamptz, n numeric, f float8,
              bytes bytea, "user" text, PRIMARY KEY ("user", mood, "char", yes, code, at, n, f, bytes))""",
            """
            INSERT INTO "Odd Keys"
            SELECT 'c' || i, i % 2 = 0, CASE i % 2 WHEN 0 THEN 'good' ELSE 'Very Bad' END::mood, 'x' || i % 7,
                   '2026-03-29 01:00+01'::timestamptz + i * interval '1.5 s', i / 8.0, i * 0.1,
                   decode(lpad(to_hex(i), 8, '0'), 'hex'), E'it''s {"odd", \\\\} ' || i
              FROM generate_series(1, 2000) i""");
    schema.createTables(move);
    copy.prepareCopy(move);
    copyAll(move, 1);
    pair.source()
        .execute(
            "keys",
            "UPDATE \"Odd Keys\" SET n = n + 1000 WHERE f::int % 50 = 0",
            "DELETE FROM \"Odd Keys\" WHERE f::int % 70 = 0");

    CopyOpening opening = copyAll(move, 2);

    assertThat(opening.bytesAgain()).isZero();
    assertSame("keys", "\"Odd Keys\"");
    replication.unsubscribe(move);
  }

  @Test
  void beginsATableAnewWhoseChangesCannotBeTold() throws Exception {
    Move move = pair.database("anew");
    big("anew");
    pair.source()
        .execute(
            "anew",
            "CREATE TABLE keyless (text text)",
            "INSERT INTO keyless SELECT 'row ' || i % 10 FROM generate_series(1, 100) i",
            "ALTER TABLE keyless REPLICA IDENTITY FULL",
            "CREATE TABLE emptied AS SELECT i AS id FROM generate_series(1, 100) i",
            "ALTER TABLE emptied ADD PRIMARY KEY (id)");
    schema.createTables(move);
    copy.prepareCopy(move);
    copyAll(move, 1);
    pair.source()
        .execute(
            "anew",
            "DELETE FROM keyless WHERE ctid = '(0,3)'",
            "TRUNCATE emptied",
            "INSERT INTO emptied VALUES (7)",
            "UPDATE small SET text = 'all of them'");

    CopyOpening opening = copyAll(move, 2);

    assertThat(opening.bytesAgain()).isPositive();
    assertThat(onTarget("anew", "SELECT count(*) FROM whimbrel.copy_touched")).isEqualTo("0");
    assertSame("anew", "big", "small", "keyless", "emptied");
    replication.unsubscribe(move);
  }

  @Test
  void outlivesItsHolderWhileAnybodyCopies() throws Exception {
    Move move = pair.database("outlived");
    big("outlived");
    schema.createTables(move);
    copy.prepareCopy(move);
    CopyRequest request = new CopyRequest(move, 1);
    CopyPieces pieces;
    try (Holder holder = new Holder(copy, request)) {
      copy.openGeneration(holder.request);
      pieces = CopyPieces.open(request);
    }

    // Another activity has sessions of another name.
    CopyShare share = together(1, () -> copy.copyPieces(request)).get(0);
    pieces.close();
    CopyShare afterwards = copy.copyPieces(request);

    assertThat(share.snapshotLost()).isFalse();
    assertThat(afterwards.snapshotLost()).isTrue();
    assertSame("outlived", "big", "small");
    replication.unsubscribe(move);
  }

  @Test
  void writesOverNothingThatSomebodyElsePutThere() throws Exception {
    Move move = pair.database("full");
    pair.source().execute("full", "CREATE TABLE t (id int PRIMARY KEY)");
    schema.createTables(move);
    pair.target().execute("full", "INSERT INTO t VALUES (1)");

    assertThatThrownBy(() -> copy.prepareCopy(move))
        .hasMessageContaining("Cannot copy public.t: the table holds rows on the target already");
    replication.unsubscribe(move);
  }

  @Test
  void readsNoOtherSnapshotThatHasGotTheNameOfItsOwn() throws Exception {
    Move move = pair.database("renamed");
    big("renamed");
    schema.createTables(move);
    copy.prepareCopy(move);
    CopyShare share;
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1));
        Connection other = pair.source().connect("renamed");
        Statement statement = other.createStatement()) {
      copy.openGeneration(holder.request);
      pair.source().execute("renamed", "INSERT INTO small VALUES (77, 'late')");
      other.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      other.setAutoCommit(false);
      String name;
      try (ResultSet row = statement.executeQuery("SELECT pg_export_snapshot()")) {
        row.next();
        name = row.getString(1);
      }
      pair.target()
          .execute("renamed", "UPDATE whimbrel.copy_snapshot SET snapshot = '" + name + "'");

      share = copy.copyPieces(holder.request);
    }

    assertThat(share.snapshotLost()).isTrue();
    assertThat(onTarget("renamed", "SELECT count(*) FROM small")).isEqualTo("0");
    replication.unsubscribe(move);
  }

  @Test
  void carriesOnWhatAReleaseHasBegunThatDidNotTellSnapshotsApart() throws Exception {
    Move move = pair.database("older");
    big("older");
    schema.createTables(move);
    copy.prepareCopy(move);
    String forget = "ALTER TABLE whimbrel.copy_generation DROP COLUMN identity";
    pair.target().execute("older", forget);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      pair.target().execute("older", forget);

      assertThat(copy.copyPieces(holder.request).snapshotLost()).isFalse();
    }
    assertSame("older", "big", "small");
    replication.unsubscribe(move);
  }

  /** Copies whatever is left from one snapshot. */
  private CopyOpening copyAll(Move move, int generation) {
    try (Holder holder = new Holder(copy, new CopyRequest(move, generation))) {
      CopyOpening opening = copy.openGeneration(holder.request);
      copy.copyPieces(holder.request);
      return opening;
    }
  }

  private static void big(String database) throws Exception {
    pair.source()
        .execute(
            database,
            "CREATE TABLE big AS SELECT i AS id, repeat('x', 100) || i AS text"
                + " FROM generate_series(1, 30000) i",
            "ALTER TABLE big ADD PRIMARY KEY (id)",
            "CREATE INDEX big_text ON big (text)",
            "CREATE TABLE small AS SELECT i AS id, 'text' AS text FROM generate_series(1, 9) i",
            "ALTER TABLE small ADD PRIMARY KEY (id)");
  }

  private static void assertSame(String database, String... tables) throws Exception {
    for (String table : tables) {
      String content =
          "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "
              + table
              + " t";
      assertThat(onTarget(database, content)).as(table).isEqualTo(onSource(database, content));
    }
  }

  private static <T> List<T> together(int callers, java.util.function.Supplier<T> work) {
    return IntStream.range(0, callers)
        .mapToObj(i -> CompletableFuture.supplyAsync(work))
        .toList()
        .stream()
        .map(CompletableFuture::join)
        .toList();
  }

  private static String onSource(String database, String sql) throws Exception {
    return Pairs.value(pair.source(), database, sql);
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
