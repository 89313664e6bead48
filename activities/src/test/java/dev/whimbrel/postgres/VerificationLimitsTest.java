package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What cannot be compared, and how a comparison ends early. Without load, oldest to newest. */
class VerificationLimitsTest {
  private static StreamedShop shop;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(13, 18);
    for (PostgresServer server : List.of(shop.source, shop.target)) {
      server.execute(
          "shop",
          "create schema odd",
          "create role reader login",
          "grant usage on schema odd, public, whimbrel to reader",
          "create unlogged table odd.scratch (id int primary key)",
          "create table odd.\"Naïve \"\"table\"\" \" (\"Größe\" int primary key, \"a.b\" text)",
          "insert into odd.\"Naïve \"\"table\"\" \" values (1, null), (2, ''), (3, 'x')",
          "create table odd.nothing ()",
          "insert into odd.nothing default values",
          "create table odd.parent (id int primary key, name text)",
          "create table odd.child (more text) inherits (odd.parent)",
          "insert into odd.parent values (1, 'p')",
          "insert into odd.child values (1, 'c', 'm')",
          "create table odd.hidden (id int primary key)",
          "insert into odd.hidden values (1)",
          "alter table odd.hidden enable row level security",
          "create policy none on odd.hidden using (false)",
          "create table odd.secret (id int primary key)",
          "create table odd.checked (s varchar(9) check (s in ('a', 'b')))",
          "alter table odd.checked add constraint later check (s <> 'c') not valid",
          "create sequence odd.tickets",
          "select lo_from_bytea(4711, 'hello')",
          "select lo_from_bytea(4712, 'world')",
          "alter database shop set work_mem = '8MB'",
          "grant select on all tables in schema odd, public to reader",
          "grant select on all sequences in schema odd, public to reader",
          "grant select on large object 4711, 4712 to reader",
          "grant select, insert, delete on all tables in schema whimbrel to reader",
          "revoke select on odd.secret from reader");
    }
  }

  @AfterAll
  static void stop() {
    shop.close();
  }

  @Test
  void findsNothingBetweenOldAndNew() {
    VerificationReport report = verify(shop.move());

    assertThat(report.findings()).isEmpty();
    assertThat(report.rows()).isEqualTo(46_021 + 3 + 1 + 2 + 1);
    assertThat(report.notCompared())
        .contains("odd.scratch: it is unlogged: streams do not carry it")
        .noneMatch(line -> line.contains("rich"));
    assertThat(report.stale()).isEmpty();
  }

  @Test
  void callsAMaterializedViewStaleAndNotDifferent() throws Exception {
    shop.source.execute(
        "shop",
        "insert into customers (id, email) values (30000, 'x')",
        "refresh materialized view rich",
        "delete from customers where id = 30000");
    VerificationReport report = verify(shop.move());
    shop.source.execute("shop", "refresh materialized view rich");

    assertThat(report.findings()).isEmpty();
    assertThat(report.notCompared()).noneMatch(line -> line.contains("rich"));
    assertThat(report.stale())
        .containsExactly(
            "materialized view public.rich: its rows differ, as they do when it was refreshed at another time. Fix: REFRESH MATERIALIZED VIEW \"public\".\"rich\";");
  }

  @Test
  void saysWhatItMayNotReadInsteadOfCallingItEqual() {
    VerificationReport report = verify(as("reader"));

    assertThat(report.findings()).isEmpty();
    assertThat(report.notCompared())
        .anyMatch(
            line ->
                line.startsWith("odd.hidden: ")
                    && line.contains("row-level security policy")
                    && line.contains("BYPASSRLS"))
        .anyMatch(line -> line.startsWith("odd.secret: ") && line.contains("permission denied"));
  }

  @Test
  void findsWhatStreamsDoNotCarry() {
    String[] damage = {
      "select lo_put(4711, 0, 'H')",
      "select lo_unlink(4712)",
      "update odd.child set more = 'n'",
      "alter table odd.checked drop constraint later",
      "alter database shop set work_mem = '9MB'",
      "alter type size add value 'huge'",
      "alter sequence odd.tickets increment 2",
      "update odd.\"Naïve \"\"table\"\" \" set \"a.b\" = '' where \"Größe\" = 1"
    };
    String[] mend = {
      "select lo_put(4711, 0, 'h')",
      "select lo_from_bytea(4712, 'world')",
      "grant select on large object 4712 to reader",
      "update odd.child set more = 'm'",
      "alter table odd.checked add constraint later check (s <> 'c') not valid",
      "alter database shop set work_mem = '8MB'",
      "delete from pg_enum where enumlabel = 'huge'",
      "alter sequence odd.tickets increment 1",
      "update odd.\"Naïve \"\"table\"\" \" set \"a.b\" = null where \"Größe\" = 1"
    };
    shop.target.execute("shop", damage);
    try {
      assertThat(verify(shop.move()).findings())
          .containsExactlyInAnyOrder(
              "large object 4711: differs",
              "large object 4712: missing on the target",
              "odd.\"Naïve \"\"table\"\" \" (Größe)=(1): differs in a.b",
              "odd.child: 1 on the source, 0 on the target of the row at ctid (0,1) of the source",
              "odd.child: 0 on the source, 1 on the target of the row at ctid (0,2) of the target",
              "constraint odd.checked.later: missing on the target: CHECK (((s)::text <> 'c'::text)) NOT VALID",
              "setting of the database: work_mem: work_mem=8MB on the source, work_mem=9MB on the target",
              "enum public.size: 'small', 'big' on the source, 'small', 'big', 'huge' on the target",
              "sequence odd.tickets: bigint start 1 increment 1 min 1 max 9223372036854775807 cache 1 on the source, bigint start 1 increment 2 min 1 max 9223372036854775807 cache 1 on the target");
    } finally {
      shop.target.execute("shop", mend);
    }
  }

  @Test
  void letsSequencesBeBehindUntilTheHandOverAndNotAfterIt() throws SQLException {
    shop.source.execute("shop", "select setval('odd.tickets', 100)");

    try (Connection source = shop.source.connect("shop");
        Connection target = shop.target.connect("shop")) {
      Tally before = new Tally(Side.SOURCE);
      new SequenceComparison(new Pair(source, target), Side.SOURCE, before).run();
      Tally after = new Tally(Side.TARGET);
      new SequenceComparison(new Pair(target, source), Side.TARGET, after).run();

      assertThat(before.report(Instant.EPOCH, RowHash.SHA256).findings()).isEmpty();
      assertThat(before.report(Instant.EPOCH, RowHash.SHA256).notCompared())
          .containsExactly(
              "values of sequences: they may be behind on the target until the switchover carries them over");
      assertThat(after.report(Instant.EPOCH, RowHash.SHA256).findings())
          .contains(
              "sequence odd.tickets: the target is at 0, behind the source's 100, and would hand out values twice. Fix: SELECT setval('\"odd\".\"tickets\"', 100);");
    }
  }

  /** What does not move may be dropped by anybody at any moment. */
  @Test
  void readsNoSequenceThatOneSideHasAlone() throws SQLException {
    shop.source.execute("shop", "create sequence odd.staying");
    try (Connection dropping = shop.source.connect("shop");
        Statement drop = dropping.createStatement();
        Connection source = shop.source.connect("shop");
        Statement limit = source.createStatement();
        Connection target = shop.target.connect("shop")) {
      dropping.setAutoCommit(false);
      drop.execute("drop sequence odd.staying");
      limit.execute("set lock_timeout = '2s'");

      new SequenceComparison(new Pair(source, target), Side.SOURCE, new Tally(Side.SOURCE)).run();

      dropping.commit();
    }
  }

  @Test
  void letsTheSourceBeAheadAsFarAsTheWatchOverTheWayBackCarriesIt() throws SQLException {
    String[] carried = {
      "create sequence odd.carried",
      "create sequence odd.down increment -2 minvalue -9000000 start -1"
    };
    for (PostgresServer server : List.of(shop.source, shop.target)) {
      server.execute("shop", carried);
    }
    shop.target.execute("shop", "select setval('odd.carried', 5000), setval('odd.down', -5001)");
    try (Connection source = shop.source.connect("shop");
        Connection target = shop.target.connect("shop")) {
      shop.source.execute("shop", "select setval('odd.carried', 6000), setval('odd.down', -7001)");
      Tally watched = new Tally(Side.TARGET);
      new SequenceComparison(new Pair(target, source), Side.TARGET, watched).run();
      shop.source.execute("shop", "select setval('odd.carried', 6001), setval('odd.down', -7002)");
      Tally behind = new Tally(Side.TARGET);
      new SequenceComparison(new Pair(target, source), Side.TARGET, behind).run();

      assertThat(watched.report(Instant.EPOCH, RowHash.SHA256).findings())
          .noneMatch(finding -> finding.contains("odd.carried") || finding.contains("odd.down"));
      assertThat(behind.report(Instant.EPOCH, RowHash.SHA256).findings())
          .contains(
              "sequence odd.carried: the target is at 5000, behind the source's 6001, and would hand out values twice. Fix: SELECT setval('\"odd\".\"carried\"', 6001);",
              "sequence odd.down: the target is at -5001, behind the source's -7002, and would hand out values twice. Fix: SELECT setval('\"odd\".\"down\"', -7002);");
    } finally {
      for (PostgresServer server : List.of(shop.source, shop.target)) {
        server.execute("shop", "drop sequence odd.carried, odd.down");
      }
    }
  }

  @Test
  void namesWhatItDoesNotJudgeAfterManyDifferences() {
    for (PostgresServer server : List.of(shop.source, shop.target)) {
      server.execute(
          "shop",
          "create table odd.many (id int primary key, port int)",
          "insert into odd.many select i, %d from generate_series(1, 1500) i"
              .formatted(server.port()));
    }
    try {
      VerificationReport report = verify(shop.move());

      assertThat(report.differingRows()).isEqualTo(1_000);
      assertThat(report.notCompared())
          .contains("odd.many: not every row, since 1000 rows there and before differ");
    } finally {
      shop.source.execute("shop", "drop table odd.many");
      shop.target.execute("shop", "drop table odd.many");
    }
  }

  @Test
  void saysWhichTableItLooksAtBeforeItCompares() {
    List<String> said = new CopyOnWriteArrayList<>();

    new PostgresVerification(new Secrets(Map.of()), progress -> said.add(progress.line()))
        .verify(new VerifyRequest(shop.move(), Side.SOURCE));

    assertThat(said)
        .startsWith("waiting for the stream to carry a marker")
        .containsAnyOf("listing the tables", "looking where to cut public.customers");
  }

  @Test
  void endsItsSessionsWhenItIsCancelled() throws SQLException {
    PostgresVerification verification =
        new PostgresVerification(
            new Secrets(Map.of()),
            progress -> {
              throw new CancellationException("cancelled");
            });
    shop.source.execute("shop", "create table odd.slow (id int primary key)");
    shop.target.execute("shop", "create table odd.slow (id int primary key)");

    try (Connection holder = shop.source.connect("shop");
        Statement statement = holder.createStatement()) {
      holder.setAutoCommit(false);
      statement.execute("lock table odd.slow");
      assertThatThrownBy(() -> verification.verify(new VerifyRequest(shop.move(), Side.SOURCE)))
          .isInstanceOf(CancellationException.class);
      holder.rollback();
    }

    awaitNoSession(shop.source);
    awaitNoSession(shop.target);
  }

  @Test
  void asksToTryAgainWhenAServerCannotBeReached() {
    Move move = shop.move();
    PostgresSpec nowhere =
        new PostgresSpec("postgresql://postgres@127.0.0.1:1/shop", null, null, null);
    Move broken =
        new Move("shop", move.source(), nowhere, List.of(), List.of(), 2, Duration.ofSeconds(1));

    assertThatThrownBy(() -> verify(broken))
        .hasMessageContaining("Cannot compare the databases of shop: ");
  }

  private static void awaitNoSession(PostgresServer server) throws SQLException {
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    try (Connection connection = server.connect("shop");
        Statement statement = connection.createStatement()) {
      while (true) {
        try (ResultSet row =
            statement.executeQuery(
                "select count(*) from pg_stat_activity where application_name = 'whimbrel shop verification'")) {
          row.next();
          if (row.getInt(1) == 0) {
            return;
          }
          assertThat(System.nanoTime()).as("sessions are left").isLessThan(deadline);
        }
      }
    }
  }

  private static Move as(String role) {
    return new Move(
        "shop",
        new PostgresSpec(shop.source.url(role, "shop"), null, null, null),
        new PostgresSpec(shop.target.url(role, "shop"), null, null, null),
        List.of(),
        List.of(),
        2,
        Duration.ofSeconds(1));
  }

  private static VerificationReport verify(Move move) {
    return new PostgresVerification(new Secrets(Map.of()), progress -> {})
        .verify(new VerifyRequest(move, Side.SOURCE));
  }
}
