package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.util.List;
import org.junit.jupiter.api.Test;

class MembershipsTest {
  private static final String THERE =
      """
      SELECT string_agg(concat_ws(' ', roleid::regrole, 'to', member::regrole, CASE WHEN admin_option THEN 'admin' END,
        CASE WHEN (to_jsonb(a) ->> 'inherit_option')::boolean THEN 'inherit' END, CASE WHEN (to_jsonb(a) ->> 'set_option')::boolean THEN 'set' END),
        ', ' ORDER BY roleid::regrole::text, member::regrole::text)
        FROM pg_auth_members a WHERE member::regrole::text ~ '^m_'""";

  private final Databases databases = new Databases(new Secrets());

  @Test
  void keepTheirOptions() throws Exception {
    try (Pairs pair = Pairs.of(16, 18)) {
      Move move = pair.database("options");
      roles(pair);
      pair.source()
          .execute(
              "options",
              "GRANT m_team TO m_app WITH INHERIT FALSE, SET TRUE",
              "GRANT m_readers TO m_app WITH ADMIN TRUE, INHERIT TRUE, SET FALSE");

      carry(pair, move);

      String here = Pairs.value(pair.source(), "options", THERE);
      assertThat(here).isEqualTo("m_readers to m_app admin inherit, m_team to m_app set");
      assertThat(Pairs.value(pair.target(), "options", THERE)).isEqualTo(here);
    }
  }

  @Test
  void followTheMembersAttributeWhereTheSourceIsOlder() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("older");
      roles(pair);
      pair.source()
          .execute(
              "older",
              "ALTER ROLE m_app NOINHERIT",
              "GRANT m_team TO m_app WITH ADMIN OPTION",
              "GRANT m_readers TO m_team");

      carry(pair, move);

      assertThat(Pairs.value(pair.target(), "older", THERE))
          .isEqualTo("m_readers to m_team inherit set, m_team to m_app admin set");
    }
  }

  @Test
  void areMadeByTheNextAttemptWhereOneDiedBehindTheRoles() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("died");
      roles(pair);
      pair.source().execute("died", "GRANT m_team TO m_app");
      try (SchemaSession session = SchemaSession.open(databases, move, "schema")) {
        session.ledger().create();
        for (String role : List.of("m_app", "m_team", "m_readers")) {
          session.execute("CREATE ROLE " + role);
          session.ledger().record(List.of("role " + role), "DROP ROLE IF EXISTS " + role);
        }
        session.connection().commit();
      }

      pair.source()
          .execute("died", "CREATE TABLE t ()", "GRANT SELECT ON t TO m_app, m_team, m_readers");
      assertThat(plan(move)).noneMatch(line -> line.contains("nothing is changed"));

      carry(pair, move);

      assertThat(Pairs.value(pair.target(), "died", THERE))
          .isEqualTo("m_team to m_app inherit set");
    }
  }

  @Test
  void areNamedThatCannotBeMadeOrAreOthers() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("named");
      roles(pair);
      pair.source()
          .execute(
              "named",
              "GRANT CONNECT ON DATABASE named TO m_app, m_team, m_readers",
              "GRANT m_team, pg_read_all_data TO m_app",
              "GRANT m_readers TO m_team",
              "ALTER ROLE m_team SET search_path = '$user', app",
              "ALTER ROLE m_team SET work_mem = '7MB'");
      pair.target()
          .execute(
              "named",
              "CREATE ROLE m_team",
              "CREATE ROLE m_readers",
              "CREATE ROLE maker LOGIN CREATEROLE",
              "GRANT CREATE ON DATABASE named TO maker",
              "DROP SCHEMA whimbrel CASCADE");
      Move by =
          new Move(
              "named",
              move.source(),
              new PostgresSpec(pair.target().url("maker", "named"), null, null, null),
              move.connect(),
              move.leftBehind(),
              move.jobs(),
              move.maxLag());
      PostgresPreflight preflight = new PostgresPreflight(new Secrets());
      preflight.claim(by);

      List<String> plan = preflight.preflight(by).findings().stream().map(Finding::line).toList();
      String line = new PostgresSchema(new Secrets()).createTables(by).line();

      assertThat(plan)
          .anyMatch(
              each ->
                  each.endsWith(
                      "Fix: GRANT m_readers TO m_team WITH ADMIN false, INHERIT true, SET true;"))
          .anyMatch(
              each ->
                  each.endsWith(
                      "Fix: ALTER ROLE \"m_team\" SET search_path TO '$user', 'app'; ALTER ROLE \"m_team\" SET work_mem TO '7MB';"));
      assertThat(line)
          .endsWith(
              "; not allowed: GRANT m_team TO m_app WITH ADMIN false, INHERIT true, SET true;"
                  + " left to you: GRANT pg_read_all_data TO m_app WITH ADMIN false, INHERIT true, SET true");
      assertThat(Pairs.value(pair.target(), "named", THERE)).isEqualTo("null");
    }
  }

  @Test
  void givePowerOverTheTargetsServerToNobody() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("power");
      roles(pair);
      pair.source()
          .execute(
              "power",
              "CREATE ROLE m_maker CREATEROLE",
              "CREATE ROLE m_owner CREATEDB",
              "CREATE ROLE m_shell",
              "CREATE ROLE m_old",
              "CREATE ROLE whimbrel_other",
              "GRANT m_team, m_maker, m_shell, pg_write_server_files, whimbrel_other TO m_app WITH ADMIN OPTION",
              "GRANT m_readers TO m_app, m_old WITH ADMIN OPTION",
              "GRANT m_owner, m_app TO m_old",
              "GRANT CONNECT ON DATABASE power TO m_app, m_old");
      pair.target()
          .execute(
              "power",
              "CREATE ROLE m_team SUPERUSER",
              "CREATE ROLE m_shell IN ROLE pg_execute_server_program",
              "CREATE ROLE m_old",
              "CREATE ROLE whimbrel_other");

      List<String> before = plan(move);
      PostgresSchema schema = new PostgresSchema(new Secrets());
      String line = schema.createTables(move).line();
      String again = schema.createTables(move).line();
      List<String> after = plan(move);

      String power =
          "GRANT m_app TO m_old WITH ADMIN false, INHERIT true, SET true; GRANT m_shell TO m_app WITH ADMIN true, INHERIT true, SET true;"
              + " GRANT m_team TO m_app WITH ADMIN true, INHERIT true, SET true;"
              + " GRANT pg_write_server_files TO m_app WITH ADMIN true, INHERIT true, SET true";
      String admin = "GRANT m_readers TO m_old WITH ADMIN true, INHERIT true, SET true";
      for (List<String> plan : List.of(before, after)) {
        assertThat(plan)
            .anyMatch(each -> each.endsWith("one of the two was there before. Fix: " + power + ";"))
            .anyMatch(each -> each.endsWith("was there already. Fix: " + admin + ";"))
            .noneMatch(each -> each.contains("nothing is changed"))
            .noneMatch(each -> each.contains("whimbrel_other"));
      }
      assertThat(List.of(line, again))
          .allMatch(each -> each.contains("; left to you: ") && !each.contains("not allowed"))
          .allMatch(each -> each.contains("GRANT m_team TO m_app") && each.contains(admin));
      assertThat(Pairs.value(pair.target(), "power", THERE))
          .isEqualTo(
              "m_maker to m_app admin inherit set, m_owner to m_old inherit set,"
                  + " m_readers to m_app admin inherit set, m_readers to m_old inherit set,"
                  + " pg_execute_server_program to m_shell inherit set");
    }
  }

  @Test
  void areAlikeBelow16WhateverTheirMembersInherit() throws Exception {
    try (Pairs pair = Pairs.of(13, 15)) {
      Move move = pair.database("inherits");
      roles(pair);
      pair.source()
          .execute(
              "inherits",
              "GRANT m_team TO m_app",
              "CREATE TABLE t ()",
              "GRANT SELECT ON t TO m_app, m_team");
      pair.target().execute("inherits", "CREATE ROLE m_app NOINHERIT");
      PostgresSchema schema = new PostgresSchema(new Secrets());

      assertThat(schema.createTables(move).line()).doesNotContain("GRANT");
      assertThat(Pairs.value(pair.target(), "inherits", THERE)).isEqualTo("m_team to m_app");
      assertThat(plan(move)).noneMatch(line -> line.contains("GRANT m_team"));
    }
  }

  @Test
  void thatTheServerGaveToWhoeverMadeARoleAreNotMissed() throws Exception {
    try (Pairs pair = Pairs.of(16, 18)) {
      Move move = pair.database("makers");
      for (var server : List.of(pair.source(), pair.target())) {
        server.execute("postgres", "CREATE ROLE m_chief LOGIN CREATEROLE");
      }
      pair.source()
          .execute(
              "makers",
              "SET ROLE m_chief; CREATE ROLE m_staff; CREATE ROLE m_clerk; RESET ROLE",
              "GRANT m_staff TO m_clerk",
              "CREATE TABLE t ()",
              "GRANT SELECT ON t TO m_staff, m_clerk, m_chief");

      String line = new PostgresSchema(new Secrets()).createTables(move).line();

      assertThat(line).contains("m_clerk, m_staff").doesNotContain("m_chief");
      assertThat(plan(move)).noneMatch(each -> each.contains("m_chief"));
      assertThat(Pairs.value(pair.target(), "makers", THERE))
          .isEqualTo("m_staff to m_clerk inherit set");
    }
  }

  @Test
  void thatAreLikeAMakersButGivenByPeopleAreMissed() throws Exception {
    try (Pairs pair = Pairs.of(16, 18)) {
      Move move = pair.database("deputies");
      for (var server : List.of(pair.source(), pair.target())) {
        server.execute("postgres", "CREATE ROLE m_deputy");
      }
      pair.source()
          .execute(
              "deputies",
              "CREATE ROLE m_chief CREATEROLE",
              "SET ROLE m_chief; CREATE ROLE m_staff;"
                  + " GRANT m_staff TO m_deputy WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; RESET ROLE",
              "CREATE TABLE t ()",
              "GRANT SELECT ON t TO m_staff, m_deputy, m_chief");

      String line = new PostgresSchema(new Secrets()).createTables(move).line();

      assertThat(line).endsWith("; left to you: GRANT m_staff TO m_deputy WITH ADMIN true");
      assertThat(Pairs.value(pair.target(), "deputies", THERE))
          .isEqualTo("m_staff to m_chief admin, m_staff to m_deputy");
    }
  }

  @Test
  void giveThePowerThatTheTargetsRolesHaveAndNotTheSources() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("powerless");
      roles(pair);
      pair.source()
          .execute(
              "powerless",
              "CREATE ROLE m_maker CREATEROLE",
              "CREATE ROLE m_mighty CREATEROLE",
              "GRANT m_maker TO m_team",
              "GRANT m_team, m_mighty TO m_app",
              "GRANT CONNECT ON DATABASE powerless TO m_app, m_team, m_maker, m_mighty");
      pair.target().execute("powerless", "CREATE ROLE m_team", "CREATE ROLE m_mighty");

      String line = new PostgresSchema(new Secrets()).createTables(move).line();

      assertThat(line)
          .endsWith(
              "; left to you: GRANT m_maker TO m_team WITH ADMIN false, INHERIT true, SET true");
      assertThat(Pairs.value(pair.target(), "powerless", THERE))
          .isEqualTo("m_mighty to m_app inherit set, m_team to m_app inherit set");
    }
  }

  /** One that was there must not come by a made role to what another one of the target may. */
  @Test
  void leadNobodyWhoWasThereThroughAMadeRoleToWhatIsNotTheMigrations() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("through");
      roles(pair);
      pair.source()
          .execute(
              "through",
              "CREATE ROLE m_old",
              "CREATE ROLE m_plain",
              "CREATE ROLE m_boss SUPERUSER",
              "GRANT m_team, m_plain, m_boss TO m_old",
              "GRANT m_app TO m_team",
              "GRANT m_readers TO m_app WITH ADMIN OPTION",
              "CREATE TABLE t ()",
              "GRANT SELECT ON t TO m_app, m_team, m_readers, m_old, m_plain, m_boss");
      pair.target().execute("through", "CREATE ROLE m_old", "CREATE ROLE m_readers");
      PostgresSchema schema = new PostgresSchema(new Secrets());

      List<String> plan = plan(move);
      String line = schema.createTables(move).line();

      assertThat(Pairs.value(pair.target(), "through", THERE))
          .isEqualTo(
              "m_app to m_team inherit set, m_plain to m_old inherit set, m_readers to m_app inherit set");
      String withheld =
          "GRANT m_boss TO m_old WITH ADMIN false, INHERIT true, SET true; GRANT m_readers TO m_app WITH ADMIN true, INHERIT true, SET true;"
              + " GRANT m_team TO m_old WITH ADMIN false, INHERIT true, SET true";
      assertThat(line).endsWith("left to you: " + withheld);
      assertThat(plan)
          .anyMatch(
              each ->
                  each.contains("GRANT m_boss TO m_old")
                      && each.contains("; GRANT m_team TO m_old"));

      // A role that stays, since somebody uses it, must not keep its groups.
      pair.target()
          .execute("through", "CREATE TABLE theirs ()", "ALTER TABLE theirs OWNER TO m_app");
      assertThat(schema.dropSchema(move).line())
          .contains("DROP ROLE IF EXISTS m_app (it is in use)");
      assertThat(Pairs.value(pair.target(), "through", THERE)).isEqualTo("null");
    }
  }

  @Test
  void areNamedSoThatTheStatementTakesNothingAway() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("whole");
      roles(pair);
      pair.source()
          .execute(
              "whole",
              "GRANT m_readers TO m_team",
              "GRANT CONNECT ON DATABASE whole TO m_readers, m_team");
      pair.target()
          .execute(
              "whole",
              "CREATE ROLE m_team",
              "CREATE ROLE m_readers",
              "GRANT m_readers TO m_team WITH ADMIN TRUE, INHERIT FALSE");
      String fix = "GRANT m_readers TO m_team WITH INHERIT true, SET true;";

      assertThat(plan(move)).anyMatch(line -> line.endsWith("Fix: " + fix));
      pair.target().execute("whole", fix);

      assertThat(Pairs.value(pair.target(), "whole", THERE))
          .isEqualTo("m_readers to m_team admin inherit set");
      assertThat(plan(move)).noneMatch(line -> line.contains("m_readers to"));
    }
  }

  @Test
  void areTheSameHoweverASessionQuotesTheirNames() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      Move move = pair.database("quoted");
      roles(pair);
      pair.source()
          .execute(
              "quoted",
              "GRANT m_team TO m_app",
              "ALTER DATABASE quoted SET quote_all_identifiers = on");

      carry(pair, move);

      assertThat(Pairs.value(pair.target(), "quoted", THERE))
          .isEqualTo("m_team to m_app inherit set");
      assertThat(plan(move)).noneMatch(line -> line.contains("GRANT"));
    }
  }

  private static List<String> plan(Move move) {
    return new PostgresPreflight(new Secrets())
        .preflight(move).findings().stream().map(Finding::line).toList();
  }

  private static void roles(Pairs pair) {
    pair.source()
        .execute("postgres", "CREATE ROLE m_app", "CREATE ROLE m_team", "CREATE ROLE m_readers");
  }

  private void carry(Pairs pair, Move move) throws Exception {
    pair.source()
        .execute(
            move.migration(),
            "CREATE TABLE IF NOT EXISTS t ()",
            "GRANT SELECT ON t TO m_app, m_team, m_readers");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect(move.migration())) {
      session.ledger().create();
      Roles.carry(source, session);
      assertThat(Memberships.left(source, session).refused()).isEmpty();
    }
  }
}
