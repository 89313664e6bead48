package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
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

  @Test
  void ofSchemasAreForeseen() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("words");
      pair.source()
          .execute(
              "words",
              "CREATE SCHEMA system_user",
              "CREATE SCHEMA \"user\"",
              "CREATE TABLE system_user.t (id int PRIMARY KEY)",
              "CREATE TABLE \"user\".t (id int PRIMARY KEY)");

      List<String> plan = Plan.of(move);
      pair.source().execute("words", "ALTER SCHEMA system_user RENAME TO system_user_");

      assertThat(plan)
          .filteredOn(line -> line.contains(" reserved-schema "))
          .containsExactly(
              "BLOCKER reserved-schema is a schema whose name the target's version has reserved:"
                  + " its tables cannot be copied. Fix: ALTER SCHEMA system_user RENAME TO"
                  + " system_user_; -- on the source, and whatever names it");
      assertThat(Plan.of(move)).noneMatch(line -> line.contains(" reserved-schema "));
    }
  }
}
