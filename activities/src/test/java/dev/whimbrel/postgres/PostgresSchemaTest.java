package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Needs(Program.PG_DUMP)
class PostgresSchemaTest {
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 15);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagila", "chinook", "northwind"})
  void carriesASchemaThatNobodyHereMade(String name) throws Exception {
    Move move = pair.database(name);
    Corpus.load(pair.source(), name, name);

    Outcome tables = schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);

    assertThat(tables.line()).matches("\\d+ tables, \\d+ columns, \\d+ objects created.*");
    assertThat(Corpus.schema(pair.target(), name)).isEqualTo(Corpus.reference(pair, name));
  }

  @Test
  void carriesEverythingThatCopiesHaveBeenSeenToLose() throws Exception {
    Move move = pair.database("nasty");
    NastySchema.create(pair.source(), "nasty");

    Outcome tables = schema.createTables(move);
    schema.createKeys(move);
    PostgresReplication replication = new PostgresReplication(new Secrets());
    replication.subscribe(move);
    replication.awaitCopied(move);
    Outcome rest = schema.createRest(move);

    assertThat(tables.line()).contains("roles created without a password: nasty \"Reader\", ");
    assertThat(rest.line())
        .contains("2 materialized views refreshed")
        .doesNotContain("not allowed");
    assertThat(Corpus.schema(pair.target(), "nasty")).isEqualTo(Corpus.reference(pair, "nasty"));
    assertThat(settings(pair.target())).isEqualTo(settings(pair.source())).contains("work_mem");
    assertThat(onTarget("nasty", "SELECT n FROM a_m2")).isEqualTo("3");
    assertThat(onTarget("nasty", "SELECT count(*) FROM secret")).isEqualTo("1");
    assertThat(onTarget("nasty", "SELECT count(*) FROM parts")).isEqualTo("3");
    assertThat(onTarget("nasty", "SELECT count(*) FROM nothing")).isEqualTo("1");
    replication.unsubscribe(move);

    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");
    assertThat(onTarget("nasty", "SELECT count(*) FROM pg_roles WHERE rolname ~ '^nasty'"))
        .isEqualTo("0");
    assertThat(onTarget("nasty", "SELECT count(*) FROM pg_db_role_setting")).isEqualTo("0");
  }

  @Test
  void endsAnOlderAttemptThatIsStillAlive() throws Exception {
    Move move = pair.database("older");
    Databases databases = new Databases(new Secrets());
    try (SchemaSession older = SchemaSession.open(databases, move, "schema")) {
      schema.createTables(move);

      assertThat(older.connection().isValid(5)).isFalse();
    }
  }

  @Test
  void createsNothingOnceTheClaimIsReleased() throws Exception {
    Move move = pair.database("released");
    new PostgresPreflight(new Secrets()).release(move);

    assertThatThrownBy(() -> schema.createTables(move))
        .hasMessageContaining("The target database is not claimed by released");
    assertThat(schema.dropSchema(move).line())
        .isEqualTo("the target is not claimed: nothing of this migration is there");
  }

  @Test
  void saysWhatStandsInTheWay() throws Exception {
    Move move = pair.database("blocked");
    pair.source().execute("blocked", "CREATE TABLE a (id int)", "CREATE TABLE b (id int)");
    pair.target().execute("blocked", "CREATE TABLE b (other text)");

    assertThatThrownBy(() -> schema.createTables(move))
        .hasMessageContaining(
            "Cannot create on the target TABLE public b postgres: ERROR: relation \"b\" already"
                + " exists");
    assertThat(onTarget("blocked", "SELECT to_regclass('a')")).isEqualTo("null");
  }

  /** The distance of its bounds is beyond what an estimate holds. */
  @Test
  void analyzesTheRestWhereATableCannotBe() throws Exception {
    Move move = pair.database("unplanned");
    pair.source()
        .execute(
            "unplanned",
            "CREATE TABLE wide (r numrange)",
            "CREATE EXTENSION postgres_fdw",
            "CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')",
            "CREATE USER MAPPING FOR PUBLIC SERVER away",
            "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
            "CREATE FOREIGN TABLE far PARTITION OF parts FOR VALUES IN (1) SERVER away",
            "CREATE TABLE \"Odd\" (a int)",
            "CREATE FUNCTION fails(a int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a'",
            "CREATE TABLE plain (id int)");
    schema.createTables(move);
    pair.target()
        .execute(
            "unplanned",
            "INSERT INTO wide VALUES (numrange(0, 10::numeric ^ 400)), (numrange(1, 2))",
            "CREATE INDEX ON \"Odd\" (fails(a))",
            "INSERT INTO \"Odd\" VALUES (1), (2)",
            "CREATE OR REPLACE FUNCTION fails(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                + " 'BEGIN RAISE EXCEPTION ''secret %'', a USING ERRCODE = ''XX000''; END'",
            "INSERT INTO plain SELECT generate_series(1, 100)");

    assertThat(schema.analyze(move).line())
        .isEqualTo(
            "1 tables analyzed; not analyzed, and ANALYZE on the target says why: public.\"Odd\" (XX000);"
                + " public.parts (08001); public.wide (22003)");
    assertThat(
            onTarget(
                "unplanned",
                "SELECT string_agg(tablename, ', ') FROM pg_stats WHERE schemaname = 'public'"))
        .isEqualTo("plain");

    pair.target()
        .execute(
            "unplanned",
            "CREATE OR REPLACE FUNCTION fails(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                + " 'BEGIN RAISE EXCEPTION ''no right'' USING ERRCODE = ''42501''; END'");
    assertThatThrownBy(() -> schema.analyze(move)).hasMessageContaining("no right (42501)");
  }

  @Test
  void givesThePlannerStatisticsOfEverythingThatHasRows() throws Exception {
    Move move = pair.database("planned");
    pair.source()
        .execute(
            "planned",
            "CREATE TABLE plain (id int PRIMARY KEY, code text)",
            "CREATE INDEX plain_code ON plain (lower(code))",
            "CREATE STATISTICS plain_both (ndistinct, dependencies, mcv) ON id, code FROM plain",
            "CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at)",
            "CREATE TABLE parts_2020 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
            "CREATE TABLE base (id int)",
            "CREATE TABLE heir () INHERITS (base)",
            "CREATE MATERIALIZED VIEW seen AS SELECT code FROM plain");
    schema.createTables(move);
    pair.target()
        .execute(
            "planned",
            "INSERT INTO plain SELECT i, 'Code ' || i % 7 FROM generate_series(1, 100) i",
            "INSERT INTO parts SELECT i, '2020-05-05' FROM generate_series(1, 100) i",
            "INSERT INTO heir SELECT generate_series(1, 100)");
    schema.createKeys(move);
    schema.createRest(move);

    Outcome analyzed = schema.analyze(move);

    assertThat(analyzed.line()).isEqualTo("6 tables analyzed");
    assertThat(
            onTarget(
                "planned",
                "SELECT string_agg(DISTINCT (tablename || CASE WHEN inherited THEN ' with its heirs' ELSE '' END) COLLATE \"C\", ', ')"
                    + " FROM pg_stats WHERE schemaname = 'public'"))
        .isEqualTo(
            "base with its heirs, heir, parts with its heirs, parts_2020, plain, plain_code, seen");
    assertThat(
            onTarget(
                "planned",
                "SELECT stxname || ' ' || (stxdndistinct IS NOT NULL AND stxddependencies IS NOT NULL AND stxdmcv IS NOT NULL)"
                    + " FROM pg_statistic_ext s JOIN pg_statistic_ext_data d ON d.stxoid = s.oid"))
        .isEqualTo("plain_both true");
    schema.dropSchema(move);
  }

  @Test
  void refusesToDropWhatSomebodyElseBuiltOn() throws Exception {
    Move move = pair.database("built");
    pair.source().execute("built", "CREATE TABLE a (id int PRIMARY KEY)");
    schema.createTables(move);
    pair.target().execute("built", "CREATE VIEW theirs AS SELECT * FROM a");

    assertThatThrownBy(() -> schema.dropSchema(move))
        .hasMessageContaining(
            "something that this migration did not create depends on it: view public.theirs"
                + " depends on table public.a");
  }

  @Test
  void refusesASourceThatChangedMeanwhile() throws Exception {
    Move move = pair.database("changed");
    pair.source().execute("changed", "CREATE TABLE a (id int PRIMARY KEY)");
    schema.createTables(move);
    pair.source().execute("changed", "CREATE TABLE late (id int PRIMARY KEY)");

    assertThatThrownBy(() -> schema.createRest(move))
        .hasMessageContaining(
            "since the schema was carried, the source has got TABLE public late postgres");
  }

  @Test
  void closesTheTargetWhenTheSchemaIsComplete() throws Exception {
    Move move = pair.database("closed");
    pair.source().execute("closed", "CREATE TABLE a (id int PRIMARY KEY)");
    schema.createTables(move);
    schema.createKeys(move);

    schema.createRest(move);

    assertThatThrownBy(() -> pair.target().execute("closed", "INSERT INTO a VALUES (1)"))
        .rootCause()
        .hasMessageContaining("this database is closed");
  }

  @Test
  void createsNothingTwice() throws Exception {
    Move move = pair.database("twice");
    Corpus.load(pair.source(), "twice", "chinook");

    schema.createTables(move);
    Outcome tables = schema.createTables(move);
    schema.createKeys(move);
    Outcome keys = schema.createKeys(move);
    schema.createRest(move);
    Outcome rest = schema.createRest(move);

    assertThat(tables.line()).isEqualTo("11 tables, 64 columns, all there already");
    assertThat(keys.line()).startsWith("0 primary keys");
    assertThat(rest.line()).startsWith("0 indexes");
    assertThat(Corpus.schema(pair.target(), "twice")).isEqualTo(Corpus.reference(pair, "twice"));
  }

  @Test
  void dropsWhatItCreatedAndNothingElse() throws Exception {
    Move move = pair.database("dropped");
    Corpus.load(pair.source(), "dropped", "pagila");
    pair.target().execute("dropped", "CREATE TABLE others (id int PRIMARY KEY)");
    String before = Corpus.schema(pair.target(), "dropped");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);

    Outcome dropped = schema.dropSchema(move);
    Outcome again = schema.dropSchema(move);

    assertThat(dropped.line()).isEqualTo("what this migration created on the target is dropped");
    assertThat(again.line()).isEqualTo("nothing was created on the target");
    assertThat(
            Pairs.value(
                pair.target(),
                "dropped",
                "SELECT string_agg(relname, ',') FROM pg_class WHERE oid >= 16384 AND relkind = 'r'"
                    + " AND relnamespace = 'public'::regnamespace"))
        .isEqualTo("others");
    assertThat(before).contains("others");
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }

  private static String settings(PostgresServer server) throws Exception {
    return Pairs.value(
        server,
        "nasty",
        "SELECT string_agg(setrole::regrole || ' ' || setconfig::text, '; ' ORDER BY 1)"
            + " FROM pg_db_role_setting WHERE setdatabase ="
            + " (SELECT oid FROM pg_database WHERE datname = 'nasty')");
  }
}
