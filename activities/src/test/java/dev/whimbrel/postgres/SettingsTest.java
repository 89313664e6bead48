package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Needs(Program.PG_DUMP)
class SettingsTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static Pairs pair;

  private final Databases databases = new Databases(new Secrets());
  private final PostgresSchema schema = new PostgresSchema(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void forTheWholeServerBecomeTheDatabases() throws Exception {
    Move move = pair.database("general");
    pair.source()
        .execute(
            "general",
            "ALTER ROLE ALL SET search_path = '$user', general",
            "ALTER ROLE ALL SET work_mem = '5MB'",
            "ALTER DATABASE general SET work_mem = '6MB'");
    try {
      Carriage.schema(move);
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
  void forTheWholeServerYieldToTheDatabasesOwn() throws Exception {
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
      plan = Plan.of(move);
      rest = Carriage.schema(move);
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
  void thatAreListsComeBackToTheLetter() throws Exception {
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
  void areShownAsAStatementTakesThem() {
    assertThat(Settings.sql("search_path", "\"$user\", public, \"a\"\"b, c\""))
        .isEqualTo("'$user', 'public', 'a\"b, c'");
    assertThat(Settings.sql("search_path", "$user,Public ,x")).isEqualTo("'$user', 'public', 'x'");
    assertThat(Settings.sql("search_path", "\"\"")).isEqualTo("''");
    assertThat(Settings.sql("search_path", "")).isEqualTo("''");
    assertThat(Settings.sql("DateStyle", "ISO, DMY")).isEqualTo("'ISO, DMY'");
  }

  @Test
  void areNotMadeWithoutTheirRecord() throws Exception {
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
  void thatTurnEverybodyAwayWithoutTheirLibraryAreLeftToPeople() throws Exception {
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
    List<String> plan = Plan.of(move);
    Outcome rest = Carriage.schema(move);

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
  void thatLetNoSessionWriteAreLeftToPeople() throws Exception {
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

    String line = Carriage.schema(move).line();

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
  void areCarriedWhateverTheDatabaseHas() throws Exception {
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
  void ofARoleInTheDatabaseComeBackToo() throws Exception {
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
  void areRecordedWhateverTheirSearchPathFinds() throws Exception {
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
  void areNamedThatTheServerDoesNotTakeAndNothingElseIs() throws Exception {
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
  void keepNoRollbackFromItsEndWhoseRoleIsGone() throws Exception {
    Move move = pair.database("orphans");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute("orphans", "CREATE ROLE orphan");
    }
    pair.source().execute("orphans", "ALTER ROLE orphan IN DATABASE orphans SET work_mem = '7MB'");
    Carriage.schema(move);
    pair.target().execute("orphans", "DROP ROLE orphan");

    assertThat(schema.dropSchema(move).line())
        .startsWith("what this migration created on the target is dropped");
  }

  @Test
  void forTheWholeServerFollowTheSourceOnceTheyHaveCome() throws Exception {
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
  void thatLoadLibrariesAreNotNamedWhereTheTargetHasThem() throws Exception {
    Move move = pair.database("shelves");
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute(
          "shelves",
          "CREATE ROLE keeper",
          "ALTER ROLE keeper IN DATABASE shelves SET session_preload_libraries = 'a', 'B'");
    }
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      assertThat(left(source, target).withheld()).isEmpty();

      pair.target()
          .execute(
              "shelves",
              "ALTER ROLE keeper IN DATABASE shelves SET session_preload_libraries = 'a'");
      assertThat(left(source, target).withheld())
          .containsExactly(
              "ALTER ROLE \"keeper\" IN DATABASE \"shelves\" SET session_preload_libraries TO 'a', 'B'");
    }
  }

  @Test
  void forTheWholeServerThatLoadLibrariesAreNamedOnce() throws Exception {
    Move move = pair.database("once");
    pair.source()
        .execute("postgres", "ALTER ROLE ALL SET session_preload_libraries = plpgsql, plpgsql");
    pair.target().execute("once", "ALTER DATABASE once SET session_preload_libraries = plpgsql");
    try (Connection source = pair.source().connect(move.migration());
        Connection target = pair.target().connect(move.migration())) {
      assertThat(left(source, target).withheld())
          .containsExactly(
              "ALTER DATABASE \"once\" SET session_preload_libraries TO 'plpgsql', 'plpgsql'");
      assertThat(left(source, target).staying()).isEmpty();
    } finally {
      pair.source().execute("postgres", "ALTER ROLE ALL RESET ALL");
    }
  }

  @Test
  void thatMeetThoseOfAnotherSessionAreTriedAgain() throws Exception {
    Move move = pair.database("race");
    pair.source().execute("race", "ALTER DATABASE race SET work_mem = '7MB'");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection source = pair.source().connect("race");
        Connection other = pair.target().connect("race")) {
      session.ledger().create();
      other.setAutoCommit(false);
      other.createStatement().execute("ALTER DATABASE race SET temp_buffers = '8MB'");
      CompletableFuture<List<String>> carrying =
          CompletableFuture.supplyAsync(() -> carried(source, session));
      Wait.until(
          "it waits for the other one",
          LIMIT,
          () -> onTarget("race", "SELECT count(*) FROM pg_locks WHERE NOT granted").equals("1"));
      other.commit();

      assertThatThrownBy(() -> carrying.get(60, TimeUnit.SECONDS))
          .hasRootCauseInstanceOf(ApplicationFailure.class)
          .rootCause()
          .hasMessageContaining("Cannot ALTER DATABASE \"race\" SET \"work_mem\" TO '…'")
          .hasMessageContaining("pg_db_role_setting_databaseid_rol_index")
          .isInstanceOfSatisfying(
              ApplicationFailure.class, e -> assertThat(e.isNonRetryable()).isFalse());
      session.connection().rollback();
      assertThat(Settings.carry(source, session)).isEmpty();
    }
    assertThat(
            onTarget(
                "race", "SELECT current_setting('work_mem') || current_setting('temp_buffers')"))
        .isEqualTo("7MB8MB");
  }

  private static List<String> carried(Connection source, SchemaSession session) {
    try {
      return Settings.carry(source, session);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "22023, true", // an invalid value
    "42501, true", // a right
    "42704, true", // an unknown parameter
    "0A000, true",
    "55P02, true", // one that cannot change now
    "53100, false", // a full disk
    "53200, false", // memory
    "53300, false", // connections
    "55P03, false", // a lock
    "40P01, false",
    "57014, false",
    "08006, false",
    "23505, false",
    "XX000, false"
  })
  void areRefusedOnlyByWhatDoesNotPass(String state, boolean refused) {
    assertThat(Settings.isRefused(new SQLException("no", state))).isEqualTo(refused);
  }

  private static Settings.Left left(Connection source, Connection target) throws SQLException {
    return Settings.left(source, target, Set.of(), role -> false);
  }

  private static String onTarget(String database, String sql) throws Exception {
    return Pairs.value(pair.target(), database, sql);
  }
}
