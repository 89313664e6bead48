package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PG_DUMP)
class DatabaseRightsTest {
  private static Pairs pair;

  private final Secrets secrets = new Secrets();
  private final Databases databases = new Databases(secrets);
  private final PostgresSchema schema = new PostgresSchema(secrets);

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
    pair.target()
        .execute(
            "postgres",
            "CREATE ROLE watcher LOGIN IN ROLE pg_monitor",
            "CREATE ROLE neighbour LOGIN",
            "CREATE ROLE peer LOGIN");
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void areGivenAsTheSourceHasThemAndNothingIsTaken() throws Exception {
    Move move = closed("closed");
    String before = rights("closed", "watcher", "neighbour", "peer");

    List<String> plan = findings(move);
    schema.createTables(move);
    schema.createKeys(move);
    Outcome rest = schema.createRest(move);
    Outcome again = schema.createRest(move);

    String outcome =
        "; 5 rights on the database carried; not taken away, as the source has it:"
            + " REVOKE CONNECT ON DATABASE closed FROM PUBLIC (it would turn away neighbour, peer, watcher);"
            + " REVOKE TEMPORARY ON DATABASE closed FROM PUBLIC";
    assertThat(plan)
        .contains(
            "NOTE database-rights its database gets the rights and the comment that the source's has:"
                + " GRANT CONNECT ON DATABASE closed TO \"the App\";"
                + " GRANT CREATE ON DATABASE closed TO \"the App\" WITH GRANT OPTION;"
                + " GRANT CONNECT ON DATABASE closed TO closed_owner;"
                + " GRANT CREATE ON DATABASE closed TO closed_owner;"
                + " GRANT TEMPORARY ON DATABASE closed TO closed_owner;"
                + " COMMENT ON DATABASE closed IS 'it''s closed';")
        .contains(
            "WARNING database-rights its database keeps rights that the source's has taken away:"
                + " nothing is revoked there. Without CONNECT of PUBLIC it would turn away neighbour, peer, watcher."
                + " Fix: REVOKE CONNECT ON DATABASE closed FROM PUBLIC; REVOKE TEMPORARY ON DATABASE closed FROM PUBLIC;"
                + " -- on the target, at the end: Whimbrel's own sessions connect by it too");
    assertThat(rest.line()).endsWith(outcome);
    assertThat(again.line()).endsWith(outcome);
    assertThat(rights("closed", "watcher", "neighbour", "peer")).isEqualTo(before);
    assertThat(rights("closed", "the App", "closed_owner"))
        .isEqualTo(
            "the App: connect create temporary grants; closed_owner: connect create temporary");
    assertThat(onTarget("closed", DESCRIPTION)).isEqualTo("it's closed");

    schema.dropSchema(move);

    assertThat(onTarget("closed", "SELECT datacl FROM pg_database WHERE datname = 'closed'"))
        .isEqualTo("{=Tc/postgres,postgres=CTc/postgres}");
    assertThat(onTarget("closed", DESCRIPTION)).isEqualTo("null");
    assertThat(
            onTarget(
                "closed",
                "SELECT count(*) FROM pg_roles WHERE rolname IN ('the App', 'closed_owner')"))
        .isEqualTo("0");
  }

  @Test
  void thatTheirHolderHasPassedOnAreKeptByARollback() throws Exception {
    Move move = closed("passed");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    pair.target()
        .execute(
            "passed",
            "SET ROLE \"the App\"; GRANT CREATE ON DATABASE passed TO neighbour; RESET ROLE");

    String dropped = schema.dropSchema(move).line();

    assertThat(dropped)
        .isEqualTo(
            "what this migration created on the target is dropped; left to you:"
                + " REVOKE CREATE ON DATABASE passed FROM \"the App\" (it is in use),"
                + " DROP ROLE IF EXISTS \"the App\" (it is in use)");
    assertThat(rights("passed", "neighbour")).contains("create");
    pair.target().execute("postgres", "DROP DATABASE passed WITH (FORCE)", "DROP ROLE \"the App\"");
  }

  @Test
  void thatTheOwnerHasLostAreSaid() throws Exception {
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute("postgres", "CREATE ROLE o_owner", "CREATE DATABASE owned OWNER o_owner");
    }
    pair.source().execute("owned", "REVOKE CREATE ON DATABASE owned FROM o_owner");

    assertThat(findings(pair.claim(pair.move("owned"))))
        .contains(
            "WARNING database-rights its database keeps rights that the source's has taken away:"
                + " nothing is revoked there. Fix: REVOKE CREATE ON DATABASE owned FROM o_owner;"
                + " -- on the target, at the end: Whimbrel's own sessions connect by it too");
  }

  @Test
  void ofTheTargetsOwnStay() throws Exception {
    Move move = pair.database("kept");
    pair.target()
        .execute(
            "kept",
            "REVOKE ALL ON DATABASE kept FROM PUBLIC",
            "GRANT CONNECT ON DATABASE kept TO neighbour",
            "COMMENT ON DATABASE kept IS 'theirs'");
    pair.source().execute("kept", "COMMENT ON DATABASE kept IS 'ours'");

    schema.createTables(move);
    schema.createKeys(move);
    Outcome rest = schema.createRest(move);
    schema.dropSchema(move);

    assertThat(rest.line()).endsWith("materialized views refreshed");
    assertThat(rights("kept", "watcher", "neighbour")).isEqualTo("watcher: ; neighbour: connect");
    assertThat(onTarget("kept", DESCRIPTION)).isEqualTo("theirs");
  }

  @Test
  void areToldOfWhereWhimbrelsRoleMayNotGiveThem() throws Exception {
    Move move = closed("weak");
    pair.target()
        .execute(
            "weak",
            "CREATE ROLE weak LOGIN",
            "CREATE ROLE \"the App\" LOGIN",
            "CREATE ROLE weak_owner LOGIN",
            "GRANT CREATE ON DATABASE weak TO weak",
            "DROP SCHEMA whimbrel CASCADE");
    Move weak = as("weak", move, null);

    List<String> plan = findings(weak);
    new PostgresPreflight(secrets).claim(weak);
    schema.createTables(weak);
    schema.createKeys(weak);
    Outcome rest = schema.createRest(weak);

    assertThat(plan)
        .anyMatch(
            line ->
                line.startsWith(
                    "WARNING database-rights weak may not give the database the rights and the comment"
                        + " that the source's has, since it is not the owner's role: they may stay behind."
                        + " Fix: GRANT CONNECT ON DATABASE weak TO \"the App\"; GRANT CREATE ON DATABASE weak"
                        + " TO \"the App\" WITH GRANT OPTION; GRANT"));
    assertThat(rest.line())
        .contains("; not allowed: GRANT CONNECT ON DATABASE weak TO \"the App\"; GRANT CREATE")
        .contains(
            "; not taken away, as the source has it: REVOKE CONNECT ON DATABASE weak FROM PUBLIC"
                + " (it would turn away neighbour, peer, \"the App\", watcher, weak, weak_owner); ")
        .endsWith("; COMMENT ON DATABASE weak IS 'it''s closed'");
    assertThat(rights("weak", "neighbour")).isEqualTo("neighbour: connect temporary");
    schema.dropSchema(weak);
    pair.target()
        .execute(
            "weak",
            "DROP OWNED BY weak CASCADE",
            "DROP ROLE weak",
            "DROP ROLE \"the App\"",
            "DROP ROLE weak_owner");
  }

  @Test
  void areNotOpenedToEverybodyWhereTheTargetIsClosed() throws Exception {
    Move move = pair.database("narrow");
    pair.source()
        .execute(
            "narrow",
            "CREATE ROLE narrow_app LOGIN",
            "CREATE ROLE narrow_other LOGIN",
            "CREATE TABLE t (id int PRIMARY KEY)",
            "GRANT SELECT ON t TO narrow_app, narrow_other",
            "ALTER DATABASE narrow CONNECTION LIMIT 50");
    pair.target()
        .execute(
            "narrow",
            "CREATE ROLE narrow_app LOGIN",
            "CREATE ROLE narrow_other LOGIN",
            "GRANT CONNECT ON DATABASE narrow TO narrow_other",
            "REVOKE CONNECT ON DATABASE narrow FROM PUBLIC");

    assertThat(findings(move))
        .contains(
            "WARNING connect-right lets nobody connect by PUBLIC, and stays so: narrow_app, whom the"
                + " source lets in, would be turned away. Fix: GRANT CONNECT ON DATABASE"
                + " narrow TO \"narrow_app\"; -- on the target, when the roles are there")
        .anyMatch(line -> line.startsWith("NOTE connection-limit the source's database takes 50"));
    pair.target()
        .execute(
            "postgres", "DROP DATABASE narrow", "DROP ROLE narrow_app", "DROP ROLE narrow_other");
  }

  @Test
  void ofSuperusersAndMembersAreMissedWhereTheyAreNeitherOnTheTarget() throws Exception {
    Move move = pair.database("staffed");
    pair.source()
        .execute(
            "staffed",
            "CREATE ROLE boss LOGIN SUPERUSER",
            "CREATE ROLE staff",
            "CREATE ROLE clerk LOGIN IN ROLE staff",
            "CREATE ROLE newcomer LOGIN IN ROLE staff",
            "REVOKE CONNECT ON DATABASE staffed FROM PUBLIC",
            "GRANT CONNECT ON DATABASE staffed TO staff");
    pair.target()
        .execute(
            "staffed", "CREATE ROLE boss LOGIN", "CREATE ROLE staff", "CREATE ROLE clerk LOGIN");

    List<String> open = findings(move);
    pair.target().execute("staffed", "REVOKE CONNECT ON DATABASE staffed FROM PUBLIC");
    List<String> closed = findings(move);

    assertThat(open)
        .anyMatch(
            line ->
                line.contains(
                    "Without CONNECT of PUBLIC it would turn away boss, clerk, neighbour, peer, watcher."));
    assertThat(closed)
        .anyMatch(
            line ->
                line.startsWith(
                    "WARNING connect-right lets nobody connect by PUBLIC, and stays so: boss, clerk, whom the source lets in,"));
    pair.source().execute("staffed", "DROP ROLE boss");
    pair.target()
        .execute(
            "postgres",
            "DROP DATABASE staffed",
            "DROP ROLE boss",
            "DROP ROLE staff",
            "DROP ROLE clerk");
  }

  @Test
  void comeWithACloneAndAreLeftOutOfItByName() throws Exception {
    Move move = closed("cloned~11111111");
    pair.source()
        .execute("cloned", "ALTER DATABASE cloned SET session_preload_libraries = plpgsql");
    try (CloneByHand clone = new CloneByHand(move)) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.copy(2);
      List<String> leftOut = clone.complete().leftOut();
      assertThat(leftOut)
          .containsExactly(
              "a setting that is left to you:"
                  + " ALTER DATABASE \"cloned\" SET session_preload_libraries TO 'plpgsql'",
              "a right that the source has taken away, and the target has not:"
                  + " REVOKE CONNECT ON DATABASE cloned FROM PUBLIC (it would turn away neighbour, peer, watcher)",
              "a right that the source has taken away, and the target has not:"
                  + " REVOKE TEMPORARY ON DATABASE cloned FROM PUBLIC");
      assertThat(clone.complete().leftOut()).isEqualTo(leftOut);
      clone.release();
    }
    assertThat(rights("cloned", "the App", "watcher", "neighbour", "peer"))
        .isEqualTo(
            "the App: connect create temporary grants; watcher: connect temporary;"
                + " neighbour: connect temporary; peer: connect temporary");

    pair.target()
        .execute(
            "postgres",
            "DROP DATABASE cloned",
            "CREATE DATABASE cloned",
            "CREATE ROLE cloner LOGIN",
            "GRANT CREATE ON DATABASE cloned TO cloner");
    try (CloneByHand clone = new CloneByHand(as("cloner", move, null))) {
      clone.claim();
      clone.keepNext();
      clone.open();
      clone.copy(2);
      assertThat(clone.complete().leftOut())
          .contains(
              "a right on the database that the rights do not allow: GRANT CONNECT ON DATABASE cloned TO \"the App\"");
    }
    pair.target()
        .execute(
            "postgres",
            "DROP DATABASE cloned",
            "DROP ROLE cloner",
            "DROP ROLE \"the App\"",
            "DROP ROLE cloned_owner");
  }

  @Test
  void ofSettingsForTheWholeServerBecomeTheDatabases() throws Exception {
    Move move = pair.database("general");
    pair.source()
        .execute(
            "general",
            "ALTER ROLE ALL SET search_path = '$user', general",
            "ALTER ROLE ALL SET work_mem = '5MB'",
            "ALTER DATABASE general SET work_mem = '6MB'");
    try {
      schema.createTables(move);
      schema.createKeys(move);
      schema.createRest(move);
    } finally {
      pair.source().execute("general", "ALTER ROLE ALL RESET ALL");
    }

    String settings =
        "SELECT string_agg((setrole = 0)::text || (setdatabase <> 0)::text || setconfig::text, ' ') FROM pg_db_role_setting"
            + " WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = 'general'))";
    assertThat(onTarget("general", settings))
        .isEqualTo("truetrue{work_mem=6MB,\"search_path=\\\"$user\\\", general\"}");
    schema.dropSchema(move);
    assertThat(onTarget("general", settings)).isEqualTo("null");
  }

  @Test
  void ofSettingsForTheWholeServerYieldToTheDatabasesOwn() throws Exception {
    Move move = pair.database("settled");
    pair.source()
        .execute(
            "postgres",
            "ALTER ROLE ALL SET work_mem = '5MB'",
            "ALTER ROLE ALL SET temp_buffers = '5MB'",
            "ALTER ROLE ALL SET maintenance_work_mem = '6MB'",
            "ALTER DATABASE settled SET search_path = here");
    pair.target()
        .execute(
            "settled",
            "ALTER DATABASE settled SET work_mem = '9MB'",
            "ALTER DATABASE settled SET maintenance_work_mem = '6MB'",
            "ALTER DATABASE settled SET search_path = '$user', there");
    List<String> plan;
    Outcome rest;
    Outcome again;
    try {
      plan = findings(move);
      schema.createTables(move);
      schema.createKeys(move);
      rest = schema.createRest(move);
      again = schema.createRest(move);
    } finally {
      pair.source().execute("postgres", "ALTER ROLE ALL RESET ALL");
    }

    String settings =
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'settled'";
    String change = "ALTER DATABASE \"settled\" SET work_mem TO '5MB'";
    assertThat(plan)
        .contains(
            "WARNING role-setting its database has settings of its own that the source's server has"
                + " otherwise for every role; the database's stay. Fix: "
                + change
                + ";");
    assertThat(rest.line()).endsWith("; settings of the target's database stay: " + change);
    assertThat(again.line()).endsWith("; settings of the target's database stay: " + change);
    assertThat(onTarget("settled", settings))
        .isEqualTo("{work_mem=9MB,maintenance_work_mem=6MB,search_path=here,temp_buffers=5MB}");
    schema.dropSchema(move);
    assertThat(onTarget("settled", settings))
        .isEqualTo("{work_mem=9MB,maintenance_work_mem=6MB,\"search_path=\\\"$user\\\", there\"}");
  }

  @Test
  void ofSettingsThatAreListsComeBackToTheLetter() throws Exception {
    Move move = pair.database("listed");
    pair.source().execute("listed", "ALTER DATABASE listed SET search_path = '$user', \"The App\"");
    for (String own :
        List.of(
            "search_path = ''", "search_path = '$user', \"Other\"", "search_path FROM CURRENT")) {
      pair.target()
          .execute("listed", "SET search_path = '$user', Public; ALTER DATABASE listed SET " + own);
      String settings =
          "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'listed'";
      String before = onTarget("listed", settings);
      try (SchemaSession session = SchemaSession.open(databases, move, "schema");
          Connection source = pair.source().connect("listed")) {
        session.ledger().create();
        assertThat(Settings.carry(source, session)).isEmpty();
        assertThat(Answers.text(session.connection(), "SHOW search_path")).isEqualTo("\"\"");
        assertThat(onTarget("listed", settings))
            .isEqualTo("{\"search_path=\\\"$user\\\", \\\"The App\\\"\"}");
        assertThat(SchemaRemoval.run(session)).isEmpty();
      }
      assertThat(onTarget("listed", settings)).isEqualTo(before);
    }
    pair.target().execute("postgres", "DROP DATABASE listed");
  }

  @Test
  void ofSettingsAreShownAsAStatementTakesThem() {
    assertThat(Settings.sql("search_path", "\"$user\", public, \"a\"\"b, c\""))
        .isEqualTo("'$user', 'public', 'a\"b, c'");
    assertThat(Settings.sql("search_path", "$user,Public ,x")).isEqualTo("'$user', 'public', 'x'");
    assertThat(Settings.sql("search_path", "\"\"")).isEqualTo("''");
    assertThat(Settings.sql("search_path", "")).isEqualTo("''");
    assertThat(Settings.sql("DateStyle", "ISO, DMY")).isEqualTo("'ISO, DMY'");
  }

  @Test
  void ofSettingsAreNotMadeWithoutTheirRecord() throws Exception {
    Move move = pair.database("unrecorded");
    pair.source().execute("unrecorded", "ALTER DATABASE unrecorded SET work_mem = '7MB'");
    pair.target().execute("unrecorded", "ALTER DATABASE unrecorded SET work_mem = '9MB'");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("unrecorded")) {
      session.ledger().create();
      pair.target()
          .execute(
              "unrecorded", "ALTER TABLE whimbrel.created ADD CONSTRAINT full_disk CHECK (id < 0)");
      assertThatThrownBy(() -> Settings.carry(source, session)).hasMessageContaining("full_disk");
      session.connection().rollback();
      assertThat(onTarget("unrecorded", "SHOW work_mem")).isEqualTo("9MB");

      pair.target().execute("unrecorded", "ALTER TABLE whimbrel.created DROP CONSTRAINT full_disk");
      assertThat(Settings.carry(source, session)).isEmpty();
      assertThat(onTarget("unrecorded", "SHOW work_mem")).isEqualTo("7MB");
      SchemaRemoval.run(session);
    }
    assertThat(onTarget("unrecorded", "SHOW work_mem")).isEqualTo("9MB");
  }

  @Test
  void ofSettingsOneThatTurnsEverybodyAwayWithoutItsLibraryIsLeftToPeople() throws Exception {
    Move move = pair.database("libraries");
    pair.source()
        .execute(
            "libraries",
            "CREATE ROLE loader LOGIN",
            "CREATE TABLE t (id int PRIMARY KEY)",
            "GRANT SELECT ON t TO loader",
            "ALTER DATABASE libraries SET session_preload_libraries = plpgsql",
            "ALTER ROLE loader SET session_preload_libraries = plpgsql",
            "ALTER ROLE loader SET local_preload_libraries = plpgsql, \"Other\"");
    List<String> plan = findings(move);
    schema.createTables(move);
    schema.createKeys(move);
    Outcome rest = schema.createRest(move);

    String statements =
        "ALTER DATABASE \"libraries\" SET session_preload_libraries TO 'plpgsql';"
            + " ALTER ROLE \"loader\" SET local_preload_libraries TO 'plpgsql', 'Other';"
            + " ALTER ROLE \"loader\" SET session_preload_libraries TO 'plpgsql'";
    assertThat(plan)
        .anyMatch(
            line ->
                line.startsWith("WARNING setting ")
                    && line.contains("could not go on. Fix: " + statements + "; -- "));
    assertThat(rest.line()).endsWith("; left to you: " + statements);
    assertThat(
            onTarget(
                "libraries",
                "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase"
                    + " WHERE datname = 'libraries' OR setrole::regrole::text = 'loader'"))
        .isEqualTo("0");
    schema.dropSchema(move);
  }

  @Test
  void areLeftToPeopleWhereTheDatabaseHasGotAnotherOwner() throws Exception {
    Move move = pair.database("sold");
    pair.source()
        .execute(
            "sold",
            "CREATE ROLE buyer",
            "GRANT CREATE ON DATABASE sold TO buyer",
            "COMMENT ON DATABASE sold IS 'sold'",
            "ALTER DATABASE sold SET work_mem = '7MB'");
    pair.target()
        .execute(
            "sold",
            "CREATE ROLE seller LOGIN CREATEROLE",
            "ALTER DATABASE sold OWNER TO seller",
            "DROP SCHEMA whimbrel CASCADE");
    Move sellers = as("seller", move, null);
    new PostgresPreflight(secrets).claim(sellers);
    schema.createTables(sellers);
    schema.createKeys(sellers);
    assertThat(schema.createRest(sellers).line()).contains("; 1 right on the database carried");
    pair.target().execute("sold", "ALTER DATABASE sold OWNER TO postgres");

    String line = schema.dropSchema(sellers).line();

    assertThat(line)
        .startsWith("what this migration created on the target is dropped; left to you: ")
        .contains(
            "COMMENT ON DATABASE sold IS NULL (ERROR: must be owner of database sold)",
            "REVOKE CREATE ON DATABASE sold FROM buyer (ERROR: nothing could be revoked)",
            "ALTER DATABASE \"sold\" RESET \"work_mem\" (ERROR: must be owner of database sold)",
            "DROP ROLE IF EXISTS buyer (it is in use)");
  }

  @Test
  void areTakenBackOnceAnotherSessionIsDoneWithThem() throws Exception {
    Move move = pair.database("busy");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema")) {
      session.ledger().create();
      session
          .ledger()
          .record(
              List.of("right: x"),
              "DO $$ BEGIN RAISE 'tuple concurrently updated' USING ERRCODE = 'XX000'; END $$");
      session.connection().commit();
    }

    assertThatThrownBy(() -> schema.dropSchema(move))
        .isInstanceOfSatisfying(
            ApplicationFailure.class, e -> assertThat(e.isNonRetryable()).isFalse());

    pair.target()
        .execute(
            "busy",
            "UPDATE whimbrel.created SET undo = replace(undo, 'tuple concurrently updated', 'something else')");
    assertThatThrownBy(() -> schema.dropSchema(move))
        .isInstanceOfSatisfying(
            ApplicationFailure.class, e -> assertThat(e.isNonRetryable()).isTrue());
  }

  @Test
  void thatAnotherOneGaveAreGoneAsTheyWereBefore() throws Exception {
    Move move = pair.database("handed");
    pair.source()
        .execute(
            "handed",
            "CREATE ROLE handed_app",
            "GRANT CREATE ON DATABASE handed TO handed_app WITH GRANT OPTION");
    pair.target()
        .execute(
            "handed",
            "CREATE ROLE handed_app",
            "CREATE ROLE handed_chief",
            "GRANT CREATE ON DATABASE handed TO handed_chief WITH GRANT OPTION",
            "SET ROLE handed_chief; GRANT CREATE ON DATABASE handed TO handed_app; RESET ROLE");
    String rights = "SELECT datacl FROM pg_database WHERE datname = 'handed'";
    String before = onTarget("handed", rights);

    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    assertThat(rights("handed", "handed_app")).contains("grants");
    schema.dropSchema(move);

    assertThat(onTarget("handed", rights)).isEqualTo(before);
  }

  @Test
  void ofSettingsThatLetNoSessionWriteAreLeftToPeople() throws Exception {
    Move move = pair.database("frozen");
    pair.source()
        .execute(
            "frozen",
            "CREATE ROLE frozen_reader",
            "CREATE TABLE t (id int PRIMARY KEY)",
            "GRANT SELECT ON t TO frozen_reader",
            "ALTER ROLE frozen_reader SET default_transaction_read_only = on",
            "ALTER DATABASE frozen SET default_transaction_read_only = on",
            "ALTER ROLE postgres IN DATABASE frozen SET default_transaction_read_only = off");

    schema.createTables(move);
    schema.createKeys(move);
    String line = schema.createRest(move).line();

    assertThat(line)
        .endsWith(
            "left to you: ALTER DATABASE \"frozen\" SET default_transaction_read_only TO 'on'");
    assertThat(
            onTarget(
                "frozen",
                "SELECT string_agg(setrole::regrole || setconfig::text, ' ' ORDER BY setconfig) FROM pg_db_role_setting"
                    + " WHERE setrole::regrole::text IN ('postgres', 'frozen_reader') OR setdatabase = (SELECT oid FROM pg_database WHERE datname = 'frozen')"))
        .isEqualTo(
            "postgres{default_transaction_read_only=off} frozen_reader{default_transaction_read_only=on}");
    schema.dropSchema(move);
  }

  @Test
  void ofPublicAreGivenAndTakenBackToo() throws Exception {
    Move move = pair.database("open");
    pair.source().execute("open", "GRANT CREATE ON DATABASE open TO PUBLIC");
    String rights = "SELECT datacl FROM pg_database WHERE datname = 'open'";
    schema.createTables(move);
    schema.createKeys(move);

    assertThat(schema.createRest(move).line()).endsWith("; 1 right on the database carried");
    assertThat(onTarget("open", rights)).startsWith("{=CTc/");
    assertThat(schema.dropSchema(move).line()).endsWith("is dropped");
    assertThat(onTarget("open", rights)).startsWith("{=Tc/");
  }

  @Test
  void areTakenBackFromWhateverTheirHolderIsCalledAndNotFromAnOwner() throws Exception {
    Move move = pair.database("names");
    pair.source()
        .execute(
            "names",
            "CREATE ROLE \"n$whimbrel$; IF\"",
            "CREATE ROLE n_buyer",
            "GRANT CREATE ON DATABASE names TO \"n$whimbrel$; IF\", n_buyer");
    pair.target().execute("names", "CREATE ROLE \"n$whimbrel$; IF\"", "CREATE ROLE n_buyer");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    pair.target()
        .execute(
            "names",
            "ALTER ROLE \"n$whimbrel$; IF\" RENAME TO n_new",
            "ALTER DATABASE names OWNER TO n_buyer");

    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");

    assertThat(rights("names", "n_new", "n_buyer"))
        .isEqualTo("n_new: connect temporary; n_buyer: connect create temporary grants");
    pair.target()
        .execute("postgres", "DROP DATABASE names", "DROP ROLE n_new", "DROP ROLE n_buyer");
  }

  @Test
  void thatPeopleHaveChangedSinceAreLeftToThem() throws Exception {
    Move move = pair.database("changed");
    pair.source()
        .execute(
            "changed",
            "ALTER DATABASE changed SET work_mem = '7MB'",
            "ALTER DATABASE changed SET \"Shop.key\" = 'secret'",
            "COMMENT ON DATABASE changed IS 'ours'");
    pair.target().execute("changed", "ALTER DATABASE changed SET \"shop.key\" = 'own'");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    pair.target()
        .execute(
            "changed",
            "ALTER DATABASE changed SET work_mem = '64MB'",
            "ALTER DATABASE changed SET \"shop.key\" = 'new'",
            "COMMENT ON DATABASE changed IS 'theirs'");

    assertThat(schema.dropSchema(move).line())
        .endsWith(
            "; left to you: COMMENT ON DATABASE changed IS NULL (ERROR: somebody has changed it since),"
                + " ALTER DATABASE \"changed\" RESET \"work_mem\" (ERROR: somebody has changed it since),"
                + " ALTER DATABASE \"changed\" SET shop.key TO <as on the source> (ERROR: somebody has changed it since)");
    assertThat(onTarget("changed", "SHOW work_mem")).isEqualTo("64MB");
    assertThat(onTarget("changed", DESCRIPTION)).isEqualTo("theirs");
  }

  @Test
  void ofTemporaryTablesAndOfItsOwnerAreMissed() throws Exception {
    Move move = pair.database("missed");
    pair.source()
        .execute(
            "missed", "CREATE ROLE missed_owner", "ALTER DATABASE missed OWNER TO missed_owner");
    pair.target().execute("missed", "REVOKE TEMPORARY ON DATABASE missed FROM PUBLIC");

    assertThat(findings(move))
        .anyMatch(
            line ->
                line.startsWith(
                    "WARNING temporary-right lets nobody make temporary tables by PUBLIC"))
        .anyMatch(
            line ->
                line.startsWith("WARNING database-owner ")
                    && line.endsWith(
                        "Fix: ALTER DATABASE missed OWNER TO missed_owner; -- on the target, when the move is over"));
  }

  @Test
  void ofSettingsAreCarriedWhateverTheDatabaseHas() throws Exception {
    Move move = pair.database("bound");
    pair.source().execute("bound", "ALTER DATABASE bound SET work_mem = '7MB'");
    pair.target().execute("bound", "ALTER DATABASE bound SET default_transaction_read_only = on");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("bound")) {
      session.ledger().create();

      assertThat(Settings.carry(source, session)).isEmpty();
    }
    assertThat(onTarget("bound", "SHOW work_mem")).isEqualTo("7MB");
  }

  @Test
  void ofSettingsOfARoleInTheDatabaseComeBackToo() throws Exception {
    Move move = pair.database("inside");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute("postgres", "CREATE ROLE \"The \"\"Inner\"");
    }
    pair.source()
        .execute(
            "inside",
            "ALTER ROLE \"The \"\"Inner\" IN DATABASE inside SET search_path = ours, \"Ours too\"",
            "ALTER ROLE \"The \"\"Inner\" IN DATABASE inside SET work_mem = '7MB'");
    pair.target()
        .execute(
            "inside",
            "ALTER ROLE \"The \"\"Inner\" IN DATABASE inside SET search_path = '$user', \"Theirs\"",
            "ALTER ROLE \"The \"\"Inner\" IN DATABASE inside SET temp_buffers = '9MB'");
    String settings =
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'inside'";
    String before = onTarget("inside", settings);
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("inside")) {
      session.ledger().create();

      assertThat(Settings.carry(source, session)).isEmpty();

      assertThat(onTarget("inside", settings))
          .isEqualTo("{\"search_path=ours, \\\"Ours too\\\"\",temp_buffers=9MB,work_mem=7MB}");
      assertThat(SchemaRemoval.run(session)).isEmpty();
    }
    assertThat(onTarget("inside", settings)).isEqualTo(before);
    pair.target().execute("postgres", "DROP DATABASE inside", "DROP ROLE \"The \"\"Inner\"");
    pair.source().execute("postgres", "DROP DATABASE inside", "DROP ROLE \"The \"\"Inner\"");
  }

  /** The record is written while the setting of the same transaction holds. */
  @Test
  void ofSettingsAreRecordedWhateverTheirSearchPathFinds() throws Exception {
    Move move = pair.database("shadows");
    pair.source().execute("shadows", "ALTER DATABASE shadows SET search_path = shadow, pg_catalog");
    pair.target()
        .execute(
            "shadows",
            "CREATE SCHEMA shadow",
            "CREATE DOMAIN shadow.text AS pg_catalog.text CHECK (VALUE IS NULL)");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("shadows")) {
      session.ledger().create();

      assertThat(Settings.carry(source, session)).isEmpty();
    }
  }

  @Test
  void ofSettingsAreNamedThatTheServerDoesNotTakeAndNothingElseIs() throws Exception {
    Move move = pair.database("values");
    pair.source()
        .execute(
            "values",
            "ALTER DATABASE \"values\" SET work_mem = '7MB'",
            "ALTER DATABASE \"values\" SET temp_buffers = '7MB'",
            "UPDATE pg_db_role_setting SET setconfig = '{temp_buffers=much,work_mem=7MB}'"
                + " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'values')");
    pair.target().execute("values", "ALTER DATABASE \"values\" SET maintenance_work_mem = '9MB'");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("values");
        Connection other = pair.target().connect("values")) {
      session.ledger().create();
      session.execute("SET lock_timeout = '100ms'");
      session.connection().commit();
      other.setAutoCommit(false);
      other.createStatement().execute("ALTER DATABASE \"values\" SET maintenance_work_mem = '8MB'");

      assertThatThrownBy(() -> Settings.carry(source, session))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("55P03"));
      session.connection().rollback();
      other.rollback();

      assertThat(Settings.carry(source, session))
          .containsExactly("ALTER DATABASE \"values\" SET temp_buffers");
    }
    assertThat(onTarget("values", "SHOW work_mem")).isEqualTo("7MB");
  }

  @Test
  void thatSomebodyHasTakenBackMeanwhileAreNotLeftToPeople() throws Exception {
    Move move = pair.database("less");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute("less", "CREATE ROLE less_app");
    }
    pair.source()
        .execute(
            "less",
            "GRANT CREATE ON DATABASE less TO less_app WITH GRANT OPTION",
            "GRANT TEMPORARY ON DATABASE less TO less_app WITH GRANT OPTION");
    pair.target().execute("less", "GRANT CREATE ON DATABASE less TO less_app");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    pair.target()
        .execute(
            "less",
            "REVOKE GRANT OPTION FOR CREATE ON DATABASE less FROM less_app",
            "REVOKE TEMPORARY ON DATABASE less FROM less_app");

    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");

    assertThat(rights("less", "less_app")).isEqualTo("less_app: connect create temporary");
  }

  @Test
  void ofSettingsKeepNoRollbackFromItsEndWhoseRoleIsGone() throws Exception {
    Move move = pair.database("orphans");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute("orphans", "CREATE ROLE orphan");
    }
    pair.source().execute("orphans", "ALTER ROLE orphan IN DATABASE orphans SET work_mem = '7MB'");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);
    pair.target().execute("orphans", "DROP ROLE orphan");

    assertThat(schema.dropSchema(move).line())
        .startsWith("what this migration created on the target is dropped");
  }

  @Test
  void ofSettingsForTheWholeServerFollowTheSourceOnceTheyHaveCome() throws Exception {
    Move move = pair.database("followed");
    pair.source().execute("postgres", "ALTER ROLE ALL SET work_mem = '5MB'");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("followed")) {
      session.ledger().create();
      assertThat(Settings.carry(source, session)).isEmpty();
      pair.source().execute("postgres", "ALTER ROLE ALL SET work_mem = '6MB'");
      assertThat(Settings.carry(source, session)).isEmpty();
      assertThat(onTarget("followed", "SHOW work_mem")).isEqualTo("6MB");

      assertThat(SchemaRemoval.run(session)).isEmpty();
    } finally {
      pair.source().execute("postgres", "ALTER ROLE ALL RESET ALL");
    }
    assertThat(onTarget("followed", "SHOW work_mem")).isEqualTo("4MB");
  }

  @Test
  void ofSettingsThatLoadLibrariesAreNotNamedWhereTheTargetHasThem() throws Exception {
    Move move = pair.database("shelves");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute(
          "shelves",
          "CREATE ROLE keeper",
          "ALTER ROLE keeper IN DATABASE shelves SET session_preload_libraries = 'a', 'B'");
    }
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      assertThat(Settings.left(source, target, Set.of(), role -> false).withheld()).isEmpty();

      pair.target()
          .execute(
              "shelves",
              "ALTER ROLE keeper IN DATABASE shelves SET session_preload_libraries = 'a'");
      assertThat(Settings.left(source, target, Set.of(), role -> false).withheld())
          .containsExactly(
              "ALTER ROLE \"keeper\" IN DATABASE \"shelves\" SET session_preload_libraries TO 'a', 'B'");
    }
  }

  @Test
  void ofSettingsForTheWholeServerThatLoadLibrariesAreNamedOnce() throws Exception {
    Move move = pair.database("once");
    pair.source()
        .execute("postgres", "ALTER ROLE ALL SET session_preload_libraries = plpgsql, plpgsql");
    pair.target().execute("once", "ALTER DATABASE once SET session_preload_libraries = plpgsql");
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      assertThat(Settings.left(source, target, Set.of(), role -> false).withheld())
          .containsExactly(
              "ALTER DATABASE \"once\" SET session_preload_libraries TO 'plpgsql', 'plpgsql'");
      assertThat(Settings.left(source, target, Set.of(), role -> false).staying()).isEmpty();
    } finally {
      pair.source().execute("postgres", "ALTER ROLE ALL RESET ALL");
    }
  }

  private static final String DESCRIPTION =
      "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";

  /** A database that PUBLIC may not connect to; a mark behind its name is of a clone's run. */
  private Move closed(String run) throws Exception {
    String name = run.replaceAll("~.*", "");
    pair.source()
        .execute(
            "postgres",
            "DO $$ BEGIN CREATE ROLE \"the App\" LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "CREATE ROLE " + name + "_owner LOGIN",
            "CREATE DATABASE " + name + " OWNER " + name + "_owner",
            "REVOKE ALL ON DATABASE " + name + " FROM PUBLIC",
            "GRANT CONNECT ON DATABASE " + name + " TO \"the App\"",
            "GRANT CREATE ON DATABASE " + name + " TO \"the App\" WITH GRANT OPTION",
            "COMMENT ON DATABASE " + name + " IS 'it''s closed'");
    pair.target().createDatabase(name);
    Move move = as("postgres", pair.move(name), "peer");
    if (!run.equals(name)) {
      return new Move(
          run,
          move.source(),
          move.target(),
          move.connect(),
          move.leftBehind(),
          move.jobs(),
          move.maxLag());
    }
    return pair.claim(move);
  }

  /** The same by another role on the target. */
  private static Move as(String role, Move move, @Nullable String peer) {
    String database = move.migration().replaceAll("~.*", "");
    return new Move(
        move.migration(),
        move.source(),
        new PostgresSpec(
            pair.target().url(role, database),
            null,
            peer == null ? null : new PeerSpec(pair.target().url(peer, database), null),
            null),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }

  private List<String> findings(Move move) {
    return new PostgresPreflight(secrets)
        .preflight(move).findings().stream().map(DatabaseRightsTest::words).toList();
  }

  private static String words(Finding finding) {
    return finding.level()
        + " "
        + finding.check()
        + " "
        + finding.message()
        + (finding.fix() == null ? "" : " Fix: " + finding.fix());
  }

  /** What each of them may do with the target's database, by whatever way. */
  private static String rights(String database, String... roles) throws Exception {
    StringBuilder all = new StringBuilder();
    for (String role : roles) {
      all.append(all.length() == 0 ? "" : "; ")
          .append(
              onTarget(
                  database,
                  """
                  SELECT r || ': ' || concat_ws(' ', CASE WHEN has_database_privilege(r, current_database(), 'CONNECT') THEN 'connect' END,
                    CASE WHEN has_database_privilege(r, current_database(), 'CREATE') THEN 'create' END,
                    CASE WHEN has_database_privilege(r, current_database(), 'TEMPORARY') THEN 'temporary' END,
                    CASE WHEN has_database_privilege(r, current_database(), 'CREATE WITH GRANT OPTION') THEN 'grants' END)
                    FROM (VALUES ('%s')) AS v(r)"""
                      .formatted(role)));
    }
    return all.toString();
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
