package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
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

    List<String> plan = Plan.of(move);
    Outcome rest = Carriage.schema(move);
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
    Carriage.schema(move);
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

    assertThat(Plan.of(pair.claim(pair.move("owned"))))
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

    Outcome rest = Carriage.schema(move);
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

    List<String> plan = Plan.of(weak);
    new PostgresPreflight(secrets).claim(weak);
    Outcome rest = Carriage.schema(weak);

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

    assertThat(Plan.of(move))
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

    List<String> open = Plan.of(move);
    pair.target().execute("staffed", "REVOKE CONNECT ON DATABASE staffed FROM PUBLIC");
    List<String> closed = Plan.of(move);

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
    assertThat(Carriage.schema(sellers).line()).contains("; 1 right on the database carried");
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

    Carriage.schema(move);
    assertThat(rights("handed", "handed_app")).contains("grants");
    schema.dropSchema(move);

    assertThat(onTarget("handed", rights)).isEqualTo(before);
  }

  @Test
  void ofPublicAreGivenAndTakenBackToo() throws Exception {
    Move move = pair.database("open");
    pair.source().execute("open", "GRANT CREATE ON DATABASE open TO PUBLIC");
    String rights = "SELECT datacl FROM pg_database WHERE datname = 'open'";
    assertThat(Carriage.schema(move).line()).endsWith("; 1 right on the database carried");
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
    Carriage.schema(move);
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
    Carriage.schema(move);
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

    assertThat(Plan.of(move))
        .anyMatch(
            line ->
                line.startsWith(
                    "WARNING temporary-right lets nobody make temporary tables by PUBLIC"))
        .anyMatch(
            line ->
                line.startsWith("WARNING database-owner ")
                    && line.endsWith(
                        "Fix: ALTER DATABASE missed OWNER TO \"missed_owner\"; -- on the target, when the move is over"));
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
    Carriage.schema(move);
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
  void areTheSameHoweverASessionQuotesTheirNames() throws Exception {
    for (var server : List.of(pair.source(), pair.target())) {
      server.execute(
          "postgres",
          "CREATE ROLE q_owner",
          "CREATE ROLE q_app",
          "ALTER ROLE q_app SET work_mem = '7MB'",
          "CREATE DATABASE quoted OWNER q_owner");
    }
    pair.source()
        .execute(
            "quoted",
            "GRANT CREATE ON DATABASE quoted TO q_app WITH GRANT OPTION",
            "ALTER ROLE postgres SET quote_all_identifiers = on");
    Move move = pair.claim(pair.move("quoted"));
    List<String> before;
    Outcome rest;
    List<String> after;
    try {
      before = Plan.of(move);
      rest = Carriage.schema(move);
      after = Plan.of(move);
    } finally {
      pair.source().execute("quoted", "ALTER ROLE postgres RESET quote_all_identifiers");
    }

    assertThat(before)
        .anyMatch(line -> line.startsWith("NOTE database-rights "))
        .noneMatch(line -> line.startsWith("WARNING database-owner "))
        .noneMatch(line -> line.startsWith("WARNING role-setting "));
    assertThat(rest.line()).endsWith("; 1 right on the database carried");
    assertThat(after).noneMatch(line -> line.contains(" database-rights "));
    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");
  }

  @Test
  void ofARoleWhoseNameTheTargetReservesAreCarriedToo() throws Exception {
    Move move = pair.database("reserved");
    pair.source()
        .execute(
            "reserved",
            "CREATE ROLE system_user",
            "CREATE ROLE r_team",
            "CREATE ROLE r_app",
            "GRANT r_team TO system_user",
            "GRANT system_user TO r_app",
            "GRANT CREATE ON DATABASE reserved TO system_user, r_app");
    String memberships =
        "SELECT string_agg(roleid::regrole || ' to ' || member::regrole, ', ' ORDER BY roleid::regrole::text)"
            + " FROM pg_auth_members WHERE member::regrole::text ~ '^(r_|.?system_)'";

    String rest = Carriage.schema(move).line();

    assertThat(rest).endsWith("; 2 rights on the database carried");
    assertThat(rights("reserved", "system_user"))
        .isEqualTo("system_user: connect create temporary");
    assertThat(onTarget("reserved", memberships))
        .isEqualTo("\"system_user\" to r_app, r_team to \"system_user\"");
    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");
    assertThat(onTarget("reserved", memberships)).isEqualTo("null");
  }

  @Test
  void ofStrangersAreNotMissed() throws Exception {
    Move move = pair.database("service");
    pair.source()
        .execute(
            "service",
            "CREATE ROLE insider LOGIN",
            "CREATE ROLE stranger LOGIN",
            "CREATE ROLE stranger_group",
            "CREATE ROLE stranger_elsewhere LOGIN",
            "GRANT stranger_group TO stranger",
            "CREATE TABLE t (id int PRIMARY KEY)",
            "GRANT SELECT ON t TO insider",
            "ALTER ROLE insider SET work_mem = '7MB'",
            "ALTER ROLE stranger SET work_mem = '7MB'",
            "ALTER ROLE stranger_elsewhere SET session_preload_libraries = plpgsql");
    pair.target()
        .execute(
            "service",
            "CREATE ROLE insider LOGIN",
            "CREATE ROLE stranger LOGIN",
            "CREATE ROLE stranger_group",
            "REVOKE CONNECT ON DATABASE service FROM PUBLIC");

    assertThat(Plan.of(move))
        .anyMatch(line -> line.matches("WARNING connect-right .* insider, whom the source .*"))
        .anyMatch(line -> line.matches("WARNING role-setting .* \"insider\" SET work_mem .*"))
        .noneMatch(line -> line.contains("stranger"));
    pair.target()
        .execute("postgres", "DROP DATABASE service", "DROP ROLE insider", "DROP ROLE stranger");
  }

  @Test
  void areGivenForAGroupThatMayPassThemOn() throws Exception {
    Move move = pair.database("deputy");
    pair.source()
        .execute("deputy", "CREATE ROLE d_app", "GRANT CREATE ON DATABASE deputy TO d_app");
    pair.target()
        .execute(
            "deputy",
            "CREATE ROLE d_app",
            "CREATE ROLE d_group",
            "CREATE ROLE deputy LOGIN IN ROLE d_group",
            "GRANT CREATE ON DATABASE deputy TO d_group WITH GRANT OPTION",
            "DROP SCHEMA whimbrel CASCADE");
    String rights = "SELECT datacl FROM pg_database WHERE datname = 'deputy'";
    String before = onTarget("deputy", rights);
    Move deputys = as("deputy", move, null);
    new PostgresPreflight(secrets).claim(deputys);

    assertThat(Carriage.schema(deputys).line()).endsWith("; 1 right on the database carried");
    assertThat(onTarget("deputy", rights)).contains("d_app=C/d_group");
    assertThat(schema.dropSchema(deputys).line())
        .isEqualTo("what this migration created on the target is dropped");
    assertThat(onTarget("deputy", rights)).isEqualTo(before);
    pair.target()
        .execute("postgres", "DROP DATABASE deputy", "DROP ROLE deputy", "DROP ROLE d_group");
  }

  /** What the server cannot do just then is neither refused nor forgotten. */
  @Test
  void areTakenBackOnceTheDiskHasRoom() throws Exception {
    Move move = pair.database("filled");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema")) {
      session.ledger().create();
      session
          .ledger()
          .record(
              List.of("right: x"),
              "DO $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$");
      session.connection().commit();
    }

    assertThatThrownBy(() -> schema.dropSchema(move))
        .hasMessageContaining("No space left on device (53100)");

    pair.target()
        .execute(
            "filled",
            "UPDATE whimbrel.created SET undo = 'COMMENT ON DATABASE filled IS $$had room$$'");
    assertThat(schema.dropSchema(move).line())
        .isEqualTo("what this migration created on the target is dropped");
    assertThat(onTarget("filled", DESCRIPTION)).isEqualTo("had room");
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
