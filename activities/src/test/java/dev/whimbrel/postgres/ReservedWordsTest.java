package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names that a newer server quotes, and an older one does not: since 16, {@code system_user}. */
@Needs(Program.PG_DUMP)
class ReservedWordsTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t (id int PRIMARY KEY, system_user text);INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, 1000) n",
        "CREATE TABLE k (system_user int PRIMARY KEY, t text);INSERT INTO k SELECT n, 'x' || n FROM generate_series(1, 1000) n",
        "CREATE TABLE system_user (id int PRIMARY KEY, text text);INSERT INTO system_user SELECT n, 'x' || n FROM generate_series(1, 1000) n",
        "CREATE TYPE system_user AS ENUM ('a');CREATE TABLE t (id int PRIMARY KEY, e system_user);INSERT INTO t SELECT n, 'a' FROM generate_series(1, 1000) n",
        "CREATE SEQUENCE system_user;CREATE TABLE t (id int PRIMARY KEY);SELECT nextval('system_user')"
      })
  void areNamesLikeOthers(String sql) throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("words");
      for (String each : List.of(sql.split(";"))) {
        pair.source().execute("words", each);
      }

      Carriage carriage = new Carriage(pair, move);
      VerificationReport report = carriage.carry();
      carriage.end();

      assertThat(report.differences()).as(report.findings().toString()).isZero();
      assertThat(report.findings()).isEmpty();
    }
  }

  /** A definition that the source writes without quotes would be another one on the target. */
  @Test
  void areForeseen() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("words");
      pair.source()
          .execute(
              "words",
              "CREATE SCHEMA system_user",
              "CREATE SCHEMA \"user\"",
              "CREATE TYPE system_user.system_user AS ENUM ('a')",
              "CREATE FUNCTION system_user.system_user() RETURNS int LANGUAGE sql AS 'SELECT 1'",
              "CREATE TABLE system_user.t (id int PRIMARY KEY)",
              "CREATE TABLE \"user\".\"Odd\" (id int PRIMARY KEY, system_user text, \"user\" text)",
              "CREATE TABLE public.system_user (id int PRIMARY KEY)",
              "CREATE TABLE stays (system_user int PRIMARY KEY)");
      List<String> fixes =
          List.of(
              "ALTER TABLE \"user\".\"Odd\" RENAME COLUMN system_user TO system_user_;",
              "ALTER ROUTINE system_user.system_user() RENAME TO system_user_;",
              "ALTER TABLE public.system_user RENAME TO system_user_;",
              "ALTER TYPE system_user.system_user RENAME TO system_user_;",
              "ALTER SCHEMA system_user RENAME TO system_user_;");
      Move some = move.choosing(new TablesSpec(List.of(), List.of("public.stays"), List.of()));

      List<String> found =
          Plan.of(some).stream().filter(line -> line.contains(" reserved-name ")).toList();

      assertThat(found).hasSize(5);
      assertThat(found.get(0))
          .startsWith(
              "BLOCKER reserved-name is a column whose name PostgreSQL 16 has reserved: without quotes"
                  + " it fails there, or means something else. Fix: ");
      assertThat(found)
          .extracting(line -> line.replaceFirst(".* Fix: ", "").replaceFirst(" -- .*", ""))
          .containsExactlyInAnyOrderElementsOf(fixes);
      for (String fix : fixes) {
        pair.source().execute("words", fix);
      }
      assertThat(Plan.of(some)).noneMatch(line -> line.contains(" reserved-name "));
      assertThat(Plan.of(move)).anyMatch(line -> line.contains("RENAME COLUMN system_user"));
    }
  }
}
