package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
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
  private static final String FARAWAY_LIBRARY =
      "UPDATE pg_proc SET probin = '$libdir/faraway' WHERE proname ~ '^far'";

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
  void refusesCollationsThatTheTargetsServerDoesNotKnow() throws Exception {
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
            "\"far-x-icu\": is not known to the target's server, and used by column name of table people."
                + " Fix: move to a server that is built with ICU, or knows this locale of it"
                + " -- or give what uses it another collation on the source",
            "\"far_AW.utf8\": is not known to the target's server, and used by index here_a_idx and 2 more."
                + " Fix: install the locale on the target's server, then there:"
                + " SELECT pg_import_system_collations('pg_catalog');"
                + " -- or give what uses it another collation on the source");
    assertThat(
            found(
                move.choosing(
                    new TablesSpec(
                        List.of(),
                        List.of("public.people", "public.here", "public.sorted"),
                        List.of())),
                "collation-missing"))
        .singleElement()
        .asString()
        .contains("used by type town.");
  }

  /** A name alone may be of an encoding that the database does not have. */
  @Test
  void knowsACollationInTheDatabasesEncodingOnly() throws Exception {
    Move move = databases("encoded");
    pair.source()
        .execute("encoded", "CREATE TABLE t (id int PRIMARY KEY, a text COLLATE \"C.utf8\")");
    assertThat(found(move, "collation-missing")).isEmpty();

    pair.target()
        .execute(
            "encoded",
            "UPDATE pg_collation SET collencoding = pg_char_to_encoding('LATIN1') WHERE collname = 'C.utf8'");

    assertThat(found(move, "collation-missing")).hasSize(1);
  }

  @Test
  void refusesLibrariesThatTheTargetsServerDoesNotLoad() throws Exception {
    Move move = databases("compiled");
    pair.source()
        .execute(
            "compiled",
            "CREATE EXTENSION pg_trgm",
            "CREATE FUNCTION near(internal) RETURNS internal LANGUAGE c AS '$libdir/hstore', 'hstore_out'",
            "CREATE FUNCTION far1(internal) RETURNS internal LANGUAGE c AS '$libdir/hstore', 'hstore_out'",
            "CREATE FUNCTION far2(internal) RETURNS internal LANGUAGE c AS '$libdir/hstore', 'hstore_in'",
            FARAWAY_LIBRARY);

    assertThat(found(move, "library"))
        .containsExactly(
            "$libdir/faraway: holds far1(internal) and 1 more, and the target's server does not load it:"
                + " could not access file \"$libdir/faraway\": No such file or directory."
                + " Fix: install it on the target's server, for its version; or DROP FUNCTION on the source");

    pair.target().execute("compiled", "CREATE ROLE plain LOGIN");
    assertThat(
            found(
                new Move(
                    move.migration(),
                    move.source(),
                    new PostgresSpec(pair.target().url("plain", "compiled"), null, null, null),
                    move.connect(),
                    move.leftBehind(),
                    move.jobs(),
                    move.maxLag()),
                "library"))
        .hasSize(2)
        .contains(
            "$libdir/hstore: holds near(internal), written in C, which only a superuser may create;"
                + " plain on the target is none. Fix: ALTER ROLE plain SUPERUSER; -- on the target, or"
                + " DROP FUNCTION on the source");
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

    assertThat(
            found(
                move.choosing(new TablesSpec(List.of(), List.of("public.stays"), List.of())),
                "compression"))
        .containsExactly(
            "docs: compresses body, \"Odd One\" by LZ4, which the target's server is built without."
                + " Fix: ALTER TABLE public.docs ALTER COLUMN body SET COMPRESSION pglz,"
                + " ALTER COLUMN \"Odd One\" SET COMPRESSION pglz; -- on the source; rows that are"
                + " there stay as they are");
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
