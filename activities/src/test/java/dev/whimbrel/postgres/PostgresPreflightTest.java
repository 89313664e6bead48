package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.LeftBehind;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PostgresPreflightTest {
  private static Pairs pair;

  private final PostgresPreflight preflight =
      new PostgresPreflight(new Secrets(Map.of("PW", "no")));

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void findsNothingInTheWayOfAPlainDatabase() throws Exception {
    Move move = databases("plain");
    source("plain", "CREATE TABLE orders (id bigserial PRIMARY KEY)");

    PreflightReport report = preflight.preflight(move);

    assertThat(report.blockers()).isEmpty();
    assertThat(report.canGoBack()).isTrue();
    assertThat(report.predictedPauseMillis()).isBetween(25L, 500L);
    assertThat(report.sourceVersion()).startsWith("15.");
    assertThat(report.targetVersion()).startsWith("16.");
    assertThat(report.sourceBytes()).isPositive();
    assertThat(lines(report))
        .anyMatch(l -> l.matches("NOTE pause switchover: writes will be held up for about .*"))
        .anyMatch(l -> l.startsWith("NOTE storage target: needs about "))
        .anyMatch(l -> l.startsWith("NOTE two-phase source: allows two-phase commit"));
    assertThat(Pairs.value(pair.source(), "plain", "SELECT to_regnamespace('whimbrel')"))
        .isEqualTo("null");
  }

  @Test
  void refusesATargetThatIsTheSource() throws Exception {
    Move move = databases("same");
    Move onItself = with(move, move.source(), move.source());

    assertThat(lines(preflight.preflight(onItself)))
        .anyMatch(
            l ->
                l.matches(
                    "BLOCKER same-database target: is the same database as the source \\(system"
                        + " identifier \\d+\\)\\. Fix: correct target.postgres.url in the runbook"));
  }

  @Test
  void acceptsAnotherDatabaseOfTheSameServer() throws Exception {
    Move move = databases("neighbour");
    pair.source().createDatabase("neighbour2");

    PreflightReport report =
        preflight.preflight(
            with(
                move,
                move.source(),
                new PostgresSpec(pair.source().url("neighbour2"), null, null, null)));

    assertThat(lines(report))
        .contains(
            "NOTE same-server target: is on the same server as the source, in another database");
    assertThat(report.blockers()).isEmpty();
  }

  @Test
  void refusesAnOlderTarget() throws Exception {
    Move move = databases("older");

    assertThat(
            lines(
                preflight.preflight(
                    with(move, /* source= */ move.target(), /* target= */ move.source()))))
        .contains(
            "BLOCKER version target: is PostgreSQL 15, older than the source's 16. Fix: move to"
                + " PostgreSQL 16 or newer");
  }

  @Test
  void namesEachTableWithoutAKeyWithItsFix() throws Exception {
    Move move = databases("keys");
    source(
        "keys",
        "CREATE TABLE orders (id int)",
        "CREATE TABLE \"Odd Name\" (id int NOT NULL UNIQUE)",
        "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE)",
        "CREATE TABLE nothing (id int PRIMARY KEY)",
        "ALTER TABLE nothing REPLICA IDENTITY NOTHING",
        "CREATE TABLE docs (doc json)",
        "ALTER TABLE docs REPLICA IDENTITY FULL",
        "CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE parts_1 PARTITION OF parts DEFAULT",
        "CREATE TABLE sums (a int NOT NULL, b int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)");

    assertThat(lines(preflight.preflight(move)))
        .contains(
            "BLOCKER replica-identity orders: UPDATE and DELETE cannot be replicated: no primary"
                + " key. Fix: ALTER TABLE public.orders REPLICA IDENTITY FULL;",
            "BLOCKER replica-identity \"Odd Name\": UPDATE and DELETE cannot be replicated: no"
                + " primary key. Fix: ALTER TABLE public.\"Odd Name\" REPLICA IDENTITY USING INDEX"
                + " \"Odd Name_id_key\";",
            "BLOCKER replica-identity late: UPDATE and DELETE cannot be replicated: its primary key"
                + " is deferrable. Fix: ALTER TABLE public.late REPLICA IDENTITY FULL;",
            "BLOCKER replica-identity nothing: UPDATE and DELETE cannot be replicated: its replica"
                + " identity is NOTHING. Fix: ALTER TABLE public.nothing REPLICA IDENTITY USING"
                + " INDEX nothing_pkey;",
            "BLOCKER replica-identity parts_1: UPDATE and DELETE cannot be replicated: no primary"
                + " key. Fix: ALTER TABLE public.parts_1 REPLICA IDENTITY FULL;",
            "BLOCKER identity-without-equality docs: UPDATE and DELETE would stop the stream:"
                + " REPLICA IDENTITY FULL compares doc json, a type without equality. Fix: ALTER"
                + " TABLE public.docs ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY, ADD"
                + " PRIMARY KEY (id), REPLICA IDENTITY DEFAULT;",
            "BLOCKER generated-identity sums: its key holds the generated column b, which a stream"
                + " does not carry. Fix: ALTER TABLE public.sums REPLICA IDENTITY FULL;");
  }

  @Test
  void offersFixesThatWork() throws Exception {
    Move move = databases("fixed");
    source(
        "fixed",
        "CREATE TABLE orders (id int)",
        "CREATE TABLE docs (doc json)",
        "ALTER TABLE docs REPLICA IDENTITY FULL",
        "CREATE TABLE taken (id int, shape point)",
        "ALTER TABLE taken REPLICA IDENTITY FULL",
        "CREATE TABLE keyed (id int PRIMARY KEY, shape box)",
        "ALTER TABLE keyed REPLICA IDENTITY FULL",
        "CREATE TABLE family (shape path)",
        "ALTER TABLE family REPLICA IDENTITY FULL",
        "CREATE TABLE child (name text) INHERITS (family)",
        "ALTER TABLE child REPLICA IDENTITY FULL",
        "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE, shape circle)",
        "ALTER TABLE late REPLICA IDENTITY FULL",
        "CREATE TABLE sums (a int, id int GENERATED ALWAYS AS (a) STORED PRIMARY KEY, shape lseg)",
        "ALTER TABLE sums REPLICA IDENTITY FULL",
        "CREATE UNLOGGED TABLE fast (id int PRIMARY KEY)",
        "SELECT lo_create(0)");

    for (var finding : preflight.preflight(move).findings()) {
      if (List.of("replica-identity", "identity-without-equality").contains(finding.check())) {
        source("fixed", String.valueOf(finding.fix()));
      }
    }

    assertThat(preflight.preflight(move).blockers()).isEmpty();
  }

  @Test
  void refusesATargetThatIsNotEmptyAndSpellsOutTheChoice() throws Exception {
    Move move = databases("laden");
    pair.target().execute("laden", "CREATE TABLE a (id int)", "CREATE VIEW b AS SELECT 1 AS one");

    assertThat(lines(preflight.preflight(move)))
        .contains(
            "BLOCKER target-not-empty target: is not empty: it holds a, b. A migration never mixes"
                + " with what is there: drop it, or move into an empty database and name that one"
                + " in the runbook. Fix: DROP SCHEMA public CASCADE; CREATE SCHEMA public; -- or"
                + " CREATE DATABASE laden_new;");
  }

  @Test
  void saysWhatNoStreamCarries() throws Exception {
    Move move = databases("lost");
    source(
        "lost",
        "CREATE UNLOGGED TABLE fast (id int PRIMARY KEY)",
        "CREATE UNLOGGED TABLE cache AS SELECT i AS id, repeat('x', 1000) FROM generate_series(1, 3000) i",
        "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw",
        "CREATE FOREIGN TABLE remote (id int) SERVER far",
        "SELECT lo_create(0)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER always BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER always",
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION e()",
        "CREATE PUBLICATION theirs FOR TABLE t",
        "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')",
        "INSERT INTO t VALUES (1), (2)",
        "CREATE TABLE d (id int)",
        "ALTER TABLE d REPLICA IDENTITY FULL",
        "CREATE TABLE parent (a int PRIMARY KEY, b int)",
        "CREATE TABLE heir (c int PRIMARY KEY) INHERITS (parent)",
        "CREATE TABLE late_heir (b int, a int PRIMARY KEY)",
        "ALTER TABLE late_heir INHERIT parent",
        "INSERT INTO d SELECT 1 FROM generate_series(1, 20000)",
        "ANALYZE d");

    try (Connection other = pair.source().connect("lost")) {
      other.createStatement().execute("CREATE TEMP TABLE mine (id int)");

      assertThat(lines(preflight.preflight(move)))
          .contains(
              "NOTE unlogged fast: is unlogged and small (0 B as text): its rows are carried within the pause,"
                  + " and compared by nobody",
              "WARNING unlogged cache: is unlogged: the table is carried, its rows are not, since"
                  + " they are too large for the pause. Fix: ALTER TABLE public.cache SET LOGGED;",
              "NOTE generated-columns t: the target computes twice itself",
              "NOTE materialized-view m: is refreshed on the target at the end of the copy, and not"
                  + " by the stream: at the hand-over it is as old as that. Fix: REFRESH"
                  + " MATERIALIZED VIEW public.m; -- there, before the hand-over",
              "WARNING foreign-table remote: is a foreign table: its definition is carried; the"
                  + " target's server must reach what is behind it, and writes to it pass the"
                  + " fence.",
              "WARNING always-trigger t: its trigger always (ENABLE ALWAYS) fires on the target for"
                  + " every replicated row too. Fix: ALTER TABLE public.t ENABLE TRIGGER always;",
              "WARNING event-trigger watch: is an event trigger (ddl_command_end): it fires for"
                  + " Whimbrel's DDL too.",
              "WARNING publication theirs: is somebody else's publication and is not carried. Fix:"
                  + " create it on the target before the cutover",
              "WARNING logical-slot theirs: somebody reads changes of the source through this slot"
                  + " (pgoutput, idle): they end with the switchover. Fix: set its consumer up on"
                  + " the target before the cutover",
              "WARNING column-order late_heir: inherits columns: on the target these stand first, as"
                  + " in its parent, and SELECT * and INSERT without column names see another"
                  + " order. Fix: name the columns in such statements",
              "NOTE temporary-tables source: 1 temporary tables are in use: sessions lose theirs at"
                  + " the switchover",
              "WARNING identity-full d: has REPLICA IDENTITY FULL: each UPDATE and DELETE searches"
                  + " 20000 rows on the target, unless an index helps. Fix: give it a primary key")
          .noneMatch(l -> l.startsWith("WARNING column-order heir"))
          .anyMatch(
              l ->
                  l.startsWith(
                      "NOTE large-objects source: holds 1 large objects in 0 B: looking which were"
                          + " written last takes about "))
          .anyMatch(
              l ->
                  l.startsWith(
                      "WARNING large-objects-superuser source: is used by superusers (postgres)"));
    } finally {
      source("lost", "SELECT pg_drop_replication_slot('theirs')");
    }
  }

  @Test
  void refusesExtensionsThatTheTargetLacksAndOtherPeoplesSubscriptions() throws Exception {
    Move move = databases("extended");
    source(
        "extended",
        "CREATE EXTENSION hstore",
        // Stands for an extension of whose package the target has nothing.
        "UPDATE pg_extension SET extname = 'faraway' WHERE extname = 'hstore'",
        "CREATE SUBSCRIPTION incoming CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect ="
            + " false)");

    assertThat(lines(preflight.preflight(move)))
        .anyMatch(
            l ->
                l.matches(
                    "BLOCKER extension faraway: the extension \\(version 1.8\\) is not available on"
                        + " the target. Fix: install its package on the target's server, or on the"
                        + " source: DROP EXTENSION \"faraway\";"))
        .contains(
            "BLOCKER subscription incoming: the source is filled by this subscription, whose stream"
                + " passes the fence. Fix: DROP SUBSCRIPTION incoming; -- or point it to the target"
                + " first");
    source("extended", "ALTER SUBSCRIPTION incoming SET (slot_name = NONE)");
    source("extended", "DROP SUBSCRIPTION incoming");
  }

  @Test
  void comparesEncodingAndCollation() throws Exception {
    pair.source()
        .execute(
            "postgres",
            "CREATE DATABASE sorted TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
    pair.target()
        .execute(
            "postgres",
            "CREATE DATABASE sorted TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C.UTF-8'"
                + " LC_CTYPE 'C.UTF-8'");

    assertThat(lines(preflight.preflight(pair.move("sorted"))))
        .contains(
            "BLOCKER encoding target: has encoding SQL_ASCII, the source UTF8. Fix: CREATE DATABASE"
                + " sorted TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                + " LOCALE_PROVIDER libc;",
            "WARNING collation target: sorts by libc C.UTF-8, the source by libc C. Fix: CREATE"
                + " DATABASE sorted TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE"
                + " 'C' LOCALE_PROVIDER libc;");
  }

  /** The library's locales are the same here; they order nothing. */
  @Test
  void comparesWhatOrdersTheTextsOfAWholeDatabase() throws Exception {
    String icu =
        "CREATE DATABASE by_icu TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
            + " LOCALE_PROVIDER icu ICU_LOCALE '%s'";
    pair.source().execute("postgres", icu.formatted("de"));
    pair.target().execute("postgres", icu.formatted("sv"));

    assertThat(lines(preflight.preflight(pair.move("by_icu"))))
        .contains(
            "WARNING collation target: sorts by icu sv, letters of C, the source by icu de, letters"
                + " of C. Fix: "
                + icu.formatted("de")
                + ";");
  }

  @Test
  void refusesAPartitionThatIsHalfDetached() throws Exception {
    Move move = databases("detaching");
    source(
        "detaching",
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE \"Old\" PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE young PARTITION OF parts FOR VALUES FROM (10) TO (20)");
    try (Connection reader = pair.source().connect("detaching");
        Connection detacher = pair.source().connect("detaching")) {
      reader.setAutoCommit(false);
      try (var rows = reader.createStatement().executeQuery("SELECT count(*) FROM parts")) {
        rows.next();
      }
      detacher.createStatement().execute("SET statement_timeout = '500ms'");
      assertThatThrownBy(
              () ->
                  detacher
                      .createStatement()
                      .execute("ALTER TABLE parts DETACH PARTITION \"Old\" CONCURRENTLY"))
          .hasMessageContaining("statement timeout");
    }

    List<String> found = lines(preflight.preflight(move));

    String fix = "ALTER TABLE parts DETACH PARTITION public.\"Old\" FINALIZE;";
    assertThat(found)
        .filteredOn(line -> line.contains("half-detached"))
        .containsExactly(
            "BLOCKER half-detached \"Old\": is still a partition of parts, whose DETACH PARTITION"
                + " … CONCURRENTLY is under way, or was interrupted. Fix: "
                + fix);
    source("detaching", fix);
    assertThat(lines(preflight.preflight(move))).noneMatch(line -> line.contains("half-detached"));
  }

  @Test
  void namesRolesThatTheTargetLacks() throws Exception {
    Move move = databases("roles");
    source(
        "roles",
        "CREATE ROLE shop_owner NOLOGIN",
        "CREATE ROLE shop_app LOGIN",
        "CREATE TABLE t (id int PRIMARY KEY)",
        "ALTER TABLE t OWNER TO shop_owner",
        "GRANT SELECT ON t TO shop_app");

    assertThat(lines(preflight.preflight(move)))
        .contains(
            "NOTE role shop_owner: does not exist on the target and will be created there",
            "WARNING role shop_app: does not exist on the target and will be created there"
                + " without a password. Fix: ALTER ROLE shop_app PASSWORD '…'; -- on the target,"
                + " after the schema step");
  }

  @Test
  void namesRolesThatCouldNotLogInOnTheTarget() throws Exception {
    Move move = databases("passwords");
    source(
        "passwords",
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE ROLE locked_out LOGIN PASSWORD 'one'",
        "CREATE ROLE let_in LOGIN PASSWORD 'two'",
        "CREATE ROLE trusted LOGIN",
        "GRANT INSERT ON t TO locked_out, let_in, trusted");
    pair.target().execute("passwords", "CREATE ROLE locked_out LOGIN");
    pair.target().execute("passwords", "CREATE ROLE let_in LOGIN PASSWORD 'two'");
    pair.target().execute("passwords", "CREATE ROLE trusted LOGIN");

    List<String> lines = lines(preflight.preflight(move));

    assertThat(lines)
        .contains(
            "WARNING role-password locked_out: has no password on the target: who logs in by"
                + " password is turned away after the hand-over. Fix: ALTER ROLE locked_out"
                + " PASSWORD '…'; -- on the target, the one it has on the source");
    assertThat(lines)
        .noneMatch(line -> line.contains("password let_in") || line.contains("password trusted"));
  }

  @Test
  void namesTransactionsThatASlotWouldWaitFor() throws Exception {
    Move move = databases("waiting");
    source("waiting", "CREATE TABLE t (id int PRIMARY KEY)");
    source("waiting", "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'forgotten'");

    List<String> lines = lines(preflight.preflight(move));
    source("waiting", "ROLLBACK PREPARED 'forgotten'");

    assertThat(lines)
        .anyMatch(
            l ->
                l.matches(
                    "BLOCKER prepared-transaction source: prepared transaction 'forgotten' of"
                        + " postgres is open since .*: a slot waits for it for ever\\. Fix: ROLLBACK"
                        + " PREPARED 'forgotten'; -- or COMMIT PREPARED 'forgotten';"));
  }

  @Test
  void namesWritersThatNothingMakesFollow() throws Exception {
    Move move = databases("used");
    source(
        "used",
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE ROLE app LOGIN",
        "GRANT INSERT ON t TO app",
        "CREATE ROLE viewer LOGIN",
        "GRANT SELECT ON t TO viewer",
        "CREATE ROLE legacy LOGIN",
        "GRANT UPDATE ON t TO legacy");
    Move alone =
        new Move(
            move.migration(),
            move.source(),
            move.target(),
            List.of(),
            List.of(new LeftBehind("legacy", "retired")),
            4,
            Duration.ofSeconds(1));

    try (Connection app = pair.source().connect("used", "app", null);
        Connection viewer = pair.source().connect("used", "viewer", null);
        Connection legacy = pair.source().connect("used", "legacy", null)) {
      app.createStatement().execute("SET application_name = 'till'");
      viewer.createStatement().execute("SET application_name = 'report'");
      legacy.createStatement().execute("SET application_name = 'export'");

      assertThat(lines(preflight.preflight(alone)))
          .contains(
              "BLOCKER writer-left-alone app at 127.0.0.1: can write to the source (till), and"
                  + " nothing makes it follow. Fix: in the runbook: connect: [manual], or a connect"
                  + " entry that covers it, or leftBehind: [{role: app, because: \"…\"}]",
              "WARNING reader-left-alone viewer at 127.0.0.1: reads from the source (report), and"
                  + " nothing makes it follow. Fix: add a connect entry that covers it",
              "NOTE user legacy at 127.0.0.1: uses the source (export); follows by staying behind:"
                  + " retired");
      assertThat(preflight.preflight(move).users())
          .contains(
              new PreflightReport.DatabaseUser(
                  "app", "127.0.0.1", "till", true, "people (connect: manual)"));
    }
  }

  @Test
  void refusesAPoolerThatDoesNotAnswer() throws Exception {
    Move move = databases("pooled");
    Move pooled =
        new Move(
            move.migration(),
            move.source(),
            move.target(),
            List.of(
                Connect.of(
                    new Connect.PgBouncer(
                        "postgresql://admin@127.0.0.1:1/pgbouncer",
                        null,
                        "pooled",
                        new Connect.Switch(null, null)),
                    null,
                    null,
                    null)),
            List.of(),
            4,
            Duration.ofSeconds(1));

    assertThat(lines(preflight.preflight(pooled)))
        .contains(
            "BLOCKER pooler 127.0.0.1:1/pgbouncer: PgBouncer's console does not answer, so that it"
                + " cannot be paused. Fix: start it, or correct connect.pgbouncer.admin; the role"
                + " must stand in admin_users");
  }

  @Test
  void asksForTheRightsOfARoleThatIsNoSuperuser() throws Exception {
    Move move = databases("rights");
    source(
        "rights",
        "CREATE ROLE owner NOLOGIN",
        "CREATE TABLE t (id int PRIMARY KEY)",
        "ALTER TABLE t OWNER TO owner",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE SEQUENCE hidden",
        "CREATE ROLE migrator LOGIN");
    pair.target().execute("rights", "CREATE ROLE migrator LOGIN");

    PreflightReport report =
        preflight.preflight(
            with(
                move,
                new PostgresSpec(pair.source().url("migrator", "rights"), null, null, null),
                new PostgresSpec(pair.target().url("migrator", "rights"), null, null, null)));

    assertThat(lines(report))
        .contains(
            "BLOCKER replication-right source: migrator may not create replication slots. Fix:"
                + " ALTER ROLE migrator REPLICATION;",
            "BLOCKER create-right source: migrator may not create a publication or schema whimbrel."
                + " Fix: GRANT CREATE ON DATABASE rights TO migrator;",
            "BLOCKER ownership source: migrator may not publish or fence 1 tables of owner. Fix:"
                + " GRANT owner TO migrator;",
            "BLOCKER sequence-privilege hidden: cannot be read, so that its value cannot be"
                + " carried. Fix: GRANT SELECT ON SEQUENCE public.hidden TO migrator;",
            "BLOCKER subscribe-right target: migrator may not create a subscription. Fix: GRANT"
                + " pg_create_subscription TO migrator; GRANT CREATE ON DATABASE rights TO"
                + " migrator;",
            "BLOCKER row-security t: has row-level security, which would hide rows from migrator on"
                + " the source without an error. Fix: ALTER ROLE migrator BYPASSRLS;",
            "BLOCKER role owner: does not exist on the target, and migrator may not create it. Fix:"
                + " CREATE ROLE owner NOLOGIN INHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT -1;",
            "WARNING monitor-right source: migrator cannot see who blocks or what others run. Fix:"
                + " GRANT pg_monitor TO migrator;",
            "WARNING signal-right target: migrator cannot end sessions that are left over after the"
                + " switchover. Fix: GRANT pg_signal_backend TO migrator;",
            "WARNING way-back rollback: THERE WILL BE NO WAY BACK AFTER THE HAND-OVER: migrator may"
                + " not create slots on the target; migrator may not create a subscription on the"
                + " source. Fix: on the target: ALTER ROLE migrator REPLICATION;\non the source:"
                + " ALTER ROLE migrator SUPERUSER; -- or your provider's role that may subscribe");
    assertThat(report.canGoBack()).isFalse();
  }

  @Test
  void predictsStorage() throws Exception {
    Move move = databases("stored");
    PostgresSpec tiny = new PostgresSpec(move.target().url(), null, null, "1MB");
    PostgresSpec big = new PostgresSpec(move.target().url(), null, null, "2TB");

    assertThat(lines(preflight.preflight(with(move, move.source(), tiny))))
        .anyMatch(
            l ->
                l.matches(
                    "BLOCKER storage target: needs about \\d+ kB? .*, and has 1MB\\. .*|BLOCKER storage target: needs about \\d+ [KM]B \\(the source holds \\d+ [KM]B\\), and has 1MB\\. Fix: enlarge.*"));
    assertThat(lines(preflight.preflight(with(move, move.source(), big))))
        .noneMatch(l -> l.contains(" storage target"));
  }

  @Test
  void refusesAPeerThatWouldLookOnItself() throws Exception {
    Move move = databases("peer");
    PostgresSpec looped =
        new PostgresSpec(
            move.source().url(),
            null,
            new PeerSpec("postgresql://whimbrel@localhost:5432/peer", null),
            null);

    // Both test servers are on one address, so a loopback peer is right here.
    assertThat(lines(preflight.preflight(with(move, looped, move.target()))))
        .noneMatch(l -> l.contains(" peer "));
  }

  @Test
  void asksForHelpWhenThePasswordIsMissing() throws Exception {
    Move move = databases("secret");
    PostgresSpec wrong = new PostgresSpec(move.source().url(), "env:NO_SUCH", null, null);

    assertThatThrownBy(() -> preflight.preflight(with(move, wrong, move.target())))
        .hasMessageContaining("Cannot read the secret env:NO_SUCH");
  }

  @Test
  void claimsBothDatabasesAndLetsThemGo() throws Exception {
    Move move = databases("claimed");
    Move other =
        new Move(
            "other",
            move.source(),
            move.target(),
            move.connect(),
            List.of(),
            4,
            Duration.ofSeconds(1));

    preflight.claim(move);
    preflight.claim(move);

    assertThatThrownBy(() -> preflight.claim(other))
        .hasMessageContaining("The source database belongs to migration claimed (as its source");
    assertThat(lines(preflight.preflight(other)))
        .anyMatch(
            l ->
                l.startsWith(
                    "BLOCKER claimed source: belongs to migration claimed (as its source"));
    preflight.release(other);
    try (Connection source = pair.source().connect("claimed")) {
      assertThat(Authority.require(source, "claimed", Side.SOURCE).epoch()).isEqualTo(1);
    }
    assertThat(preflight.release(move).line())
        .isEqualTo("neither database is claimed by claimed any more");
    assertThat(preflight.release(move).line())
        .isEqualTo("neither database is claimed by claimed any more");
    assertThat(Pairs.value(pair.target(), "claimed", "SELECT to_regnamespace('whimbrel')"))
        .isEqualTo("null");
    preflight.claim(other);
  }

  @Test
  void leavesTheSourceFreeWhenTheTargetIsTaken() throws Exception {
    Move move = databases("taken");
    try (Connection target = pair.target().connect("taken")) {
      Authority.claim(target, "somebody", Side.TARGET);
    }

    assertThatThrownBy(() -> preflight.claim(move))
        .hasMessageContaining("The target database belongs to migration somebody");

    assertThat(Pairs.value(pair.source(), "taken", "SELECT to_regnamespace('whimbrel')"))
        .isEqualTo("null");
  }

  private static Move databases(String name) {
    pair.source().createDatabase(name);
    pair.target().createDatabase(name);
    return pair.move(name);
  }

  private static void source(String database, String... sql) {
    pair.source().execute(database, sql);
  }

  private static Move with(Move move, PostgresSpec source, PostgresSpec target) {
    return new Move(
        move.migration(),
        source,
        target,
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }

  static List<String> lines(PreflightReport report) {
    return report.findings().stream()
        .map(f -> f.level() + " " + f.check() + " " + f.line())
        .toList();
  }
}
