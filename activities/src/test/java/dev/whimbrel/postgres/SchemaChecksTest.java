package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The two servers of the tests come from one builder and lack nothing of each other: what only the
 * source has is written into its catalog.
 */
@Needs(Program.PG_DUMP)
class SchemaChecksTest {
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
  void refusesCollationsThatTheTargetDoesNotKnow() throws Exception {
    Move move = databases("collated");
    pair.source()
        .execute(
            "collated",
            "UPDATE pg_collation SET collname = 'far-x-icu' WHERE collname = 'sv-x-icu'",
            "UPDATE pg_collation SET collname = 'far_AW.utf8' WHERE collname = 'C.utf8'",
            "CREATE TABLE here (id int PRIMARY KEY, a text COLLATE \"de-x-icu\", b text COLLATE \"C\")",
            "CREATE TABLE people (id int PRIMARY KEY, name text COLLATE \"far-x-icu\")",
            "CREATE INDEX ON here (a COLLATE \"far_AW.utf8\")",
            "CREATE VIEW sorted AS SELECT a FROM here ORDER BY a COLLATE \"far_AW.utf8\"",
            "CREATE DOMAIN town AS text COLLATE \"far_AW.utf8\"");

    assertThat(found(move, "collation-missing"))
        .containsExactly(
            "\"far-x-icu\": is used by column name of table people, and the target does not know it: "
                + notThere("far-x-icu"),
            "\"far_AW.utf8\": is used by index here_a_idx and 2 more, and the target does not know it: "
                + notThere("far_AW.utf8"));
    assertThat(
            found(
                leavingOut(move, "public.people", "public.here", "public.sorted"),
                "collation-missing"))
        .singleElement()
        .asString()
        .contains("is used by type town, and");
  }

  private static String notThere(String name) {
    return "collation \"pg_catalog.%1$s\" for encoding \"UTF8\" does not exist. Fix: install the locale on the target's server and restart it; then in the target's database: SELECT pg_import_system_collations('pg_catalog'); -- or, where it has it under another name: CREATE COLLATION pg_catalog.\"%1$s\" FROM …;"
        .formatted(name);
  }

  /** Nor what stays, nor what no schema carries. */
  @Test
  void asksForNoCollationThatTheSchemaDoesNotNeed() throws Exception {
    Move move = databases("spared");
    String far = " COLLATE \"far-x-icu\"";
    pair.source()
        .execute(
            "spared",
            "UPDATE pg_collation SET collname = 'far-x-icu' WHERE collname = 'sv-x-icu'",
            "CREATE TABLE here (id int PRIMARY KEY, a text)",
            "CREATE TABLE stays (id int PRIMARY KEY, a text%s, b text DEFAULT 'x'%1$s, CHECK (a > 'b'%1$s))"
                .formatted(far),
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
            "CREATE TRIGGER t BEFORE UPDATE ON stays FOR EACH ROW WHEN (new.b < 'c'%s) EXECUTE FUNCTION nothing()"
                .formatted(far),
            "CREATE POLICY p ON stays USING (b < 'c'%s)".formatted(far),
            "CREATE STATISTICS s ON (b%s), a FROM stays".formatted(far),
            "CREATE PUBLICATION theirs FOR TABLE here WHERE (a < 'c'%s)".formatted(far),
            "CREATE INDEX bad ON here (a%s)".formatted(far),
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad'::regclass");
    try (Connection other = pair.source().connect("spared")) {
      other.createStatement().execute("CREATE TEMP TABLE mine (a text%s)".formatted(far));

      assertThat(found(leavingOut(move, "public.stays"), "collation-missing")).isEmpty();
    }
    assertThat(found(move, "collation-missing")).hasSize(1);
  }

  /** The catalog may name what the system has lost; and each database has a catalog of its own. */
  @Test
  void asksTheTargetForTheLocaleItself() throws Exception {
    Move move = databases("lost");
    pair.source().execute("lost", "CREATE TABLE t (id int PRIMARY KEY, a text COLLATE \"C.utf8\")");
    assertThat(found(move, "collation-missing")).isEmpty();

    pair.target()
        .execute(
            "lost",
            "UPDATE pg_collation SET collcollate = 'far_AW.utf8', collctype = 'far_AW.utf8' WHERE collname = 'C.utf8'");

    assertThat(found(move, "collation-missing"))
        .singleElement()
        .asString()
        .contains("does not know it: could not create locale \"far_AW.utf8\": No such file")
        .endsWith("restart it; or create the target's database in the source's encoding");
  }

  @Test
  void triesTheServicesOwnCollations() throws Exception {
    Move move = databases("own");
    pair.source()
        .execute(
            "own",
            "CREATE COLLATION public.fine (PROVIDER = icu, LOCALE = 'de-u-co-phonebk', DETERMINISTIC = false)",
            "CREATE COLLATION public.plain (LOCALE = 'C.UTF-8')",
            "CREATE COLLATION public.\"Far\" (LOCALE = 'C')",
            "UPDATE pg_collation SET collcollate = 'far_AW', collctype = 'far_AW' WHERE collname = 'Far'");
    pair.target().execute("postgres", "ALTER DATABASE own SET default_transaction_read_only = on");

    assertThat(found(move, "collation-missing"))
        .containsExactly(
            "public.\"Far\": (libc far_AW) cannot be made on the target: could not create locale"
                + " \"far_AW\": No such file or directory. Fix: install the locale on the target's"
                + " server and restart it; or give what uses it another collation on the source, and"
                + " DROP COLLATION public.\"Far\";");
    assertThat(
            Pairs.value(
                pair.target(),
                "own",
                "SELECT count(*) FROM pg_collation WHERE collname = 'whimbrel'"))
        .isEqualTo("0");
  }

  @Test
  void refusesFunctionsThatTheTargetsServerHasNoLibraryFor() throws Exception {
    Move move = databases("compiled");
    pair.source()
        .execute(
            "compiled",
            "CREATE EXTENSION pg_trgm",
            c("near", "hstore_out"),
            c("far1", "hstore_out"),
            c("far2", "hstore_in"),
            c("gone", "hstore_in"),
            "UPDATE pg_proc SET probin = '$libdir/faraway' WHERE proname ~ '^far'",
            "UPDATE pg_proc SET prosrc = 'lost_symbol' WHERE proname = 'gone'");

    assertThat(found(move, "library"))
        .containsExactly(
            "public.far1(internal), public.far2(internal): cannot be made on the target: could not access file"
                + " \"$libdir/faraway\": No such file or directory. Fix: install the library on the"
                + " target's server, built for its version; or on the source, with what depends on"
                + " it: DROP ROUTINE public.far1(internal), public.far2(internal);",
            "public.gone(internal): cannot be made on the target: could not find function \"lost_symbol\" in"
                + " file \"%s\". Fix: install the library on the target's server, built for its version; or on the source, with what depends on it: DROP ROUTINE public.gone(internal);"
                    .formatted(
                        Pairs.value(
                                pair.target(),
                                "compiled",
                                "SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'")
                            + "/hstore.so"));
  }

  @Test
  void saysWhichFunctionsNeedASuperuser() throws Exception {
    Move move = databases("trusted");
    pair.source()
        .execute(
            "trusted",
            "CREATE EXTENSION pg_trgm",
            c("near", "hstore_out"),
            "CREATE TYPE span AS RANGE (subtype = float8)",
            "CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int)",
            "CREATE SCHEMA app",
            "CREATE FUNCTION app.sealed(int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'",
            "CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION plainer(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'");
    pair.target().execute("trusted", "CREATE ROLE plain LOGIN");

    assertThat(
            found(
                new Move(
                    move.migration(),
                    move.source(),
                    new PostgresSpec(pair.target().url("plain", "trusted"), null, null, null),
                    move.connect(),
                    move.leftBehind(),
                    move.jobs(),
                    move.maxLag()),
                "superusers-function"))
        .containsExactly(
            "public.near(internal): can only be made by a superuser, which plain on the target is not:"
                + " its language is not trusted. Fix: ALTER ROLE plain SUPERUSER; -- on the target,"
                + " until the move is over; or on the source, with what depends on it: DROP ROUTINE"
                + " public.near(internal);",
            "app.sealed(integer): can only be made by a superuser, which plain on the target is not:"
                + " it is LEAKPROOF. Fix: ALTER ROUTINE app.sealed(integer) NOT LEAKPROOF; -- on the"
                + " source");
    assertThat(found(move, "superusers-function")).isEmpty();
  }

  private static String c(String name, String symbol) {
    return "CREATE FUNCTION %s(internal) RETURNS internal LANGUAGE c AS '$libdir/hstore', '%s'"
        .formatted(name, symbol);
  }

  /** 13 knows no compression by column. */
  @Test
  void asksAnOlderTargetForNothingThatItCannotKnow() throws Exception {
    try (Pairs older = Pairs.of(15, 13)) {
      older.source().createDatabase("older");
      older.target().createDatabase("older");

      assertThat(found(older.move("older"), "version"))
          .singleElement()
          .asString()
          .startsWith("target: is PostgreSQL 13, older than the source's 15.");
    }
  }

  @Test
  void refusesACompressionThatTheTargetsServerIsBuiltWithout() throws Exception {
    Move move = databases("compressed");
    pair.source()
        .execute(
            "compressed",
            "CREATE TABLE docs (id int PRIMARY KEY, body text, \"Odd One\" text, plain text)",
            "CREATE TABLE stays (id int PRIMARY KEY, body text)",
            "UPDATE pg_attribute SET attcompression = 'l' WHERE attname IN ('body', 'Odd One')");

    assertThat(found(leavingOut(move, "public.stays"), "compression"))
        .containsExactly(
            "docs: compresses body, \"Odd One\" by LZ4, which the target's server is built without."
                + " Fix: ALTER TABLE public.docs ALTER COLUMN body SET COMPRESSION pglz,"
                + " ALTER COLUMN \"Odd One\" SET COMPRESSION pglz; -- on the source; rows that are"
                + " there stay as they are");
  }

  private static Move leavingOut(Move move, String... tables) {
    return move.choosing(new TablesSpec(List.of(), List.of(tables), List.of()));
  }

  private static List<String> found(Move move, String check) {
    return new PostgresPreflight(new Secrets())
        .preflight(move).findings().stream()
            .filter(finding -> finding.check().equals(check))
            .map(finding -> finding.line())
            .toList();
  }

  private static Move databases(String name) {
    pair.source().createDatabase(name);
    pair.target().createDatabase(name);
    return pair.move(name);
  }
}
