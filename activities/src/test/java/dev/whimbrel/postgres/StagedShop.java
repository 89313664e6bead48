package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A database whose critical tables come first, under write load that writes tables of both stages
 * in each transaction, one of them without a key.
 */
final class StagedShop implements AutoCloseable {
  static final List<StageSpec> CRITICAL_FIRST =
      List.of(
          new StageSpec(
              List.of("public.entry", "public.counter", "public.customer", "public.person")));

  private static final String[] TABLES = {
    Load.SCHEMA,
    "CREATE TABLE customer AS SELECT i AS id, 'c' || i AS name FROM generate_series(1, 500) i",
    "ALTER TABLE customer ADD PRIMARY KEY (id)",
    """
    CREATE TABLE archive AS SELECT i AS id, i % 500 + 1 AS customer, repeat('x', 100) || i AS text
      FROM generate_series(1, 30000) i""",
    "ALTER TABLE archive ADD PRIMARY KEY (id), ADD CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer",
    "CREATE INDEX archive_text ON archive (text)",
    "CREATE TABLE log (line text)",
    "ALTER TABLE log REPLICA IDENTITY FULL",
    "CREATE TABLE person (id int PRIMARY KEY)",
    "CREATE TABLE employee (PRIMARY KEY (id)) INHERITS (person)",
    "INSERT INTO employee SELECT generate_series(1, 100)",
    "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS"
        + " $$BEGIN INSERT INTO public.log VALUES (NEW.writer || '/' || NEW.n); RETURN NULL; END$$",
    "CREATE TRIGGER logged AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION logged()",
  };

  final Pairs pair;
  final String name;
  final Move move;
  final PostgresSchema schema = new PostgresSchema(new Secrets());
  final PostgresReplication replication = new PostgresReplication(new Secrets());

  /** Every table of more than sixteen pages is cut. */
  final PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);

  final Load load;

  StagedShop(Pairs pair, String name) throws SQLException {
    this(pair, name, CRITICAL_FIRST);
  }

  StagedShop(Pairs pair, String name, List<StageSpec> stages, String... more) throws SQLException {
    this(pair, name, move -> move.inStages(stages), more);
  }

  /** A shop with more tables, and a choice of them. */
  StagedShop(Pairs pair, String name, UnaryOperator<Move> choice, String... more)
      throws SQLException {
    this.pair = pair;
    this.name = name;
    this.move = choice.apply(pair.database(name));
    pair.source().execute(name, TABLES);
    pair.source().execute(name, more);
    this.load = new Load(side -> pair.source().connect(name), false).start(3);
    schema.createTables(move);
  }

  /** Copies what is listed, from one snapshot. */
  CopyOpening copyFrom(int generation) {
    try (Holder holder = new Holder(copy, new CopyRequest(move, generation))) {
      CopyOpening opening = copy.openGeneration(holder.request);
      CopyShare share = copy.copyPieces(holder.request);
      assertThat(share.snapshotLost()).isFalse();
      return opening;
    }
  }

  /** Copies so many pieces, and stops in the middle. */
  void pieces(int generation, int count) throws Exception {
    CopyPieces.take(new CopyRequest(move, generation), count);
  }

  /** Copies the stage that comes next, and makes it live. */
  Outcome carryStage(int generation) {
    copy.prepareCopy(move);
    copyFrom(generation);
    copy.startStage(move);
    copy.followStage(move);
    return copy.joinStage(move);
  }

  /** What follows the copy; then both databases are equal. */
  Outcome finish() throws SQLException {
    Outcome copied = copy.finishCopy(move);
    replication.subscribe(move);
    schema.createRest(move);
    assertArrived();
    return copied;
  }

  /** Both databases are equal when the last write has arrived. */
  void assertArrived() throws SQLException {
    load.stop();
    replication.awaitCaughtUp(move);
    try (Connection target = pair.target().connect(name)) {
      assertThat(load.faults(target)).isEmpty();
    }
    assertThat(load.acknowledged()).isGreaterThan(50);
    assertSame("entry", "counter", "customer", "event", "archive", "log", "person", "employee");
    assertThat(onTarget("SELECT count(*) - count(DISTINCT line) FROM log")).isEqualTo("0");
  }

  /** Nothing is left but one stream. */
  void assertOneStream() throws SQLException {
    String stream = "whimbrel_" + name + "_forward";
    assertThat(
            onSource(
                "SELECT string_agg(slot_name, ',' ORDER BY 1) FROM pg_replication_slots WHERE database = current_database()"))
        .isEqualTo(stream);
    assertThat(onSource("SELECT string_agg(pubname, ',' ORDER BY 1) FROM pg_publication"))
        .isEqualTo(stream);
    assertThat(
            onTarget(
                "SELECT string_agg(subname, ',' ORDER BY 1) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = current_database()"))
        .isEqualTo(stream);
    assertThat(
            onSource(
                "SELECT count(*) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                    + " AND NOT EXISTS (SELECT FROM pg_publication_tables p WHERE p.tablename = c.relname)"))
        .isEqualTo("0");
    assertThat(onTarget("SELECT to_regclass('whimbrel.marker_stage') IS NULL")).isEqualTo("t");
    assertThat(onSource("SELECT to_regclass('whimbrel.marker_stage') IS NULL")).isEqualTo("t");
  }

  void assertSame(String... tables) throws SQLException {
    for (String table : tables) {
      String content =
          "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ONLY "
              + table
              + " t";
      if (table.equals("event")) {
        content = content.replace("ONLY ", "");
      }
      assertThat(onTarget(content)).as(table).isEqualTo(onSource(content));
    }
  }

  /** Writes a row of the first stage and sees it arrive. */
  void assertFirstStageIsLive(String mark) throws SQLException {
    pair.source().execute(name, "UPDATE customer SET name = '" + mark + "' WHERE id = 7");
    Wait.until(
        mark + " arrives",
        Duration.ofSeconds(10),
        () -> onTarget("SELECT name FROM customer WHERE id = 7").equals(mark));
  }

  String onSource(String sql) throws SQLException {
    return Pairs.value(pair.source(), name, sql);
  }

  String onTarget(String sql) throws SQLException {
    return Pairs.value(pair.target(), name, sql);
  }

  @Override
  public void close() {
    load.close();
    replication.unsubscribe(move);
  }
}
