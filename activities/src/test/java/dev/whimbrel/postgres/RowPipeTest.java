package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class RowPipeTest {
  private static Pairs servers;

  @BeforeAll
  static void startServers() {
    servers = Pairs.of(15, 16);
    servers.source().offerTls();
    servers.target().offerTls();
  }

  @AfterAll
  static void stopServers() {
    servers.close();
  }

  @Test
  void movesValuesOfEveryKindUnchanged() throws Exception {
    Move move = move("kinds", "");
    both(
        "kinds",
        "CREATE TYPE mood AS ENUM ('good', 'Very Bad')",
        "CREATE DOMAIN code AS varchar(20) CHECK (value <> '')",
        "CREATE DOMAIN codes AS int[]",
        """
        CREATE TABLE kinds (
          id int8, small int2, yes boolean, n numeric, money numeric(12,2), f4 float4, f8 float8, t text, v varchar(40),
          c char(7), one "char", name name, b bytea, u uuid, d date, ti time, tz timetz, ts timestamp, at timestamptz,
          i interval, j json, jb jsonb, ip inet, net cidr, mac macaddr, mac8 macaddr8, bits bit(5), vb bit varying,
          o oid, p point, box box, circle circle, r int4range, tr tstzrange, mood mood, code code, codes codes,
          names text[], stamps timestamptz[][])""");
    servers
        .source()
        .execute(
            "kinds",
            """
            INSERT INTO kinds
            SELECT i, i % 7, i % 2 = 0, CASE i % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' ELSE i / 7.0 END, i / 8.0,
                   i * 0.1::float4, 1 / i::float8, E'\\\\N line\\nünïcode 雪 \\t' || i, 'v' || i, 'c' || i, 'x', 'n' || i,
                   decode(md5(i::text), 'hex'), md5(i::text)::uuid, '0044-03-15 BC'::date + i, '24:00',
                   '12:00+05:30', '-infinity', '2026-03-29 01:30+00'::timestamptz + i * interval '1.5 s',
                   i * interval '1 mon -3 days 0.000001 s', '{"a" :  1}', '{"b": [1, null]}', '2001:db8::1/64',
                   '192.0.2.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10110', B'1011', 4000000000,
                   '(1,0.1)', '(2,2),(0,0)', '<(0,0),3>', '[1,5)', '[2026-01-01,)', (ARRAY['good', 'Very Bad'])[1 + i % 2]::mood,
                   'code ' || i, ARRAY[i, NULL, -i], ARRAY['a,b', NULL, '"', '{}'], ARRAY[ARRAY[now(), 'infinity']]
              FROM generate_series(1, 1000) i""",
            "INSERT INTO kinds DEFAULT VALUES");

    assertThat(binary("kinds", "kinds")).isTrue();
    assertThat(move(move, "kinds", true)).isEqualTo(1001);
    assertSame("kinds", "kinds");
    both("kinds", "TRUNCATE kinds");
    assertThat(move(move, "kinds", false)).isZero();
  }

  @Test
  void sendsAsTextWhatMeansSomethingOnItsOwnServerOnly() throws Exception {
    Move move = move("texts", "");
    // Objects get other numbers on the target.
    servers.target().execute("texts", "CREATE TYPE before AS (a int)", "DROP TYPE before");
    both(
        "texts",
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN watched AS regclass",
        "CREATE TABLE enums (e mood[])",
        "CREATE TABLE rows (r pair)",
        "CREATE TABLE classes (c regclass)",
        "CREATE TABLE watches (w watched)",
        "CREATE TABLE amounts (m money)");
    servers
        .source()
        .execute(
            "texts",
            "INSERT INTO enums VALUES (ARRAY['good', NULL, 'bad']::mood[])",
            "INSERT INTO rows VALUES (ROW(1, 'x, \"y\"'))",
            "INSERT INTO classes VALUES ('enums')",
            "INSERT INTO watches VALUES ('rows')",
            "INSERT INTO amounts VALUES ('12.34')");

    for (String table : List.of("enums", "rows", "classes", "watches", "amounts")) {
      assertThat(binary("texts", table)).as(table).isFalse();
      assertThat(move(move, table, false)).as(table).isOne();
      assertSame("texts", table);
    }
  }

  @Test
  void sendsAsTextWhereTheTargetHasOtherTypesOrIsOlder() throws Exception {
    move("types", "");
    servers
        .source()
        .execute(
            "types",
            "CREATE DOMAIN code AS int",
            "CREATE TABLE t (a int8, b bytea)",
            "CREATE TABLE d (c code)");
    servers
        .target()
        .execute(
            "types",
            "CREATE DOMAIN code AS date",
            "CREATE TABLE t (b bytea, a float8)",
            "CREATE TABLE d (c code)");
    try (var source = servers.source().connect("types");
        var target = servers.target().connect("types")) {
      CopyColumns here = CopyTables.columns(source, "public.t");
      CopyColumns there = CopyTables.columns(target, "public.t");

      assertThat(here.binary(there, 15, 16)).isFalse();
      assertThat(here.binary(here, 15, 15)).isTrue();
      assertThat(here.binary(here, 16, 15)).isFalse();
      assertThat(
              CopyTables.columns(source, "public.d")
                  .binary(CopyTables.columns(target, "public.d"), 15, 16))
          .isFalse();
      servers.target().execute("types", "ALTER TABLE t ALTER a TYPE int8");
      assertThat(here.binary(CopyTables.columns(target, "public.t"), 15, 16)).isTrue();
    }
  }

  @Test
  void movesRowsThroughEncryptedSessions() throws Exception {
    Move move = move("tls", "?sslmode=require");
    both("tls", "CREATE TABLE t (id int, text text)");
    servers
        .source()
        .execute(
            "tls",
            "INSERT INTO t SELECT i, repeat(md5(i::text), 1 + i % 60) FROM generate_series(1, 50000) i");

    long rows = move(move, "t", true);

    assertThat(rows).isEqualTo(50000);
    assertSame("tls", "t");
  }

  @Test
  void keepsTheSessionsWhereTheyWere() throws Exception {
    Move move = move("after", "");
    both("after", "CREATE TABLE t (id int)");
    servers.source().execute("after", "INSERT INTO t VALUES (1), (2)");

    try (Sessions open = new Sessions(move)) {
      RowPipe pipe = new RowPipe();
      pipe.run(open.from, "COPY public.t TO STDOUT", open.to, "COPY public.t FROM STDIN");
      pipe.run(open.from, "COPY public.t TO STDOUT", open.to, "COPY public.t FROM STDIN");
      open.to.connection().rollback();
      begin(open.to);
      pipe.run(open.from, "COPY public.t TO STDOUT", open.to, "COPY public.t FROM STDIN");
      open.to.connection().commit();
    }

    assertSame("after", "t");
  }

  @Test
  void tellsWhatTheTargetSaysOfARowBeforeAllAreSent() throws Exception {
    Move move = move("refused", "");
    both("refused", "CREATE TABLE t (id int, text text)");
    servers.target().execute("refused", "ALTER TABLE t ADD CHECK (id < 100)");
    servers
        .source()
        .execute(
            "refused",
            "INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 100000) i");

    try (Sessions open = new Sessions(move)) {
      RowPipe pipe = new RowPipe();
      assertThatThrownBy(
              () ->
                  pipe.run(
                      open.from, "COPY public.t TO STDOUT", open.to, "COPY public.t FROM STDIN"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("violates check constraint \"t_id_check\"")
          .extracting(e -> ((SQLException) e).getSQLState())
          .isEqualTo("23514");
      assertThat(pipe.bytes()).isLessThan(80_000_000);
    }
    assertThat(Pairs.value(servers.target(), "refused", "SELECT count(*) FROM t")).isEqualTo("0");
  }

  @Test
  void tellsWhatTheSourceSaysInTheMiddle() throws Exception {
    Move move = move("broken", "");
    both("broken", "CREATE TABLE t (id int)");

    try (Sessions open = new Sessions(move)) {
      assertThatThrownBy(
              () ->
                  new RowPipe()
                      .run(
                          open.from,
                          "COPY (SELECT 1 / (i - 90000) FROM generate_series(1, 100000) i) TO STDOUT",
                          open.to,
                          "COPY public.t FROM STDIN"))
          .hasMessageContaining("division by zero");
    }
    assertThat(Pairs.value(servers.target(), "broken", "SELECT count(*) FROM t")).isEqualTo("0");
  }

  @Test
  void endsWhereAServerEndsItsSession() throws Exception {
    Move move = move("ended", "");
    both("ended", "CREATE TABLE t (id int)");

    try (Sessions open = new Sessions(move)) {
      servers
          .target()
          .execute("ended", "SELECT pg_terminate_backend(" + open.to.process() + ", 5000)");
      assertThatThrownBy(
              () ->
                  new RowPipe()
                      .run(
                          open.from,
                          "COPY (SELECT generate_series(1, 10000000)) TO STDOUT",
                          open.to,
                          "COPY public.t FROM STDIN"))
          .isInstanceOf(SQLException.class)
          .hasMessageMatching("(?s).*(terminating connection|connection to the target was lost).*");
    }
  }

  @Test
  void wantsAnOpenTransaction() throws Exception {
    Move move = move("open", "");
    both("open", "CREATE TABLE t (id int)");
    servers.source().execute("open", "INSERT INTO t VALUES (1)");

    try (Sessions open = new Sessions(move)) {
      open.to.connection().setAutoCommit(true);
      assertThatThrownBy(
              () ->
                  new RowPipe()
                      .run(
                          open.from,
                          "COPY public.t TO STDOUT",
                          open.to,
                          "COPY public.t FROM STDIN"))
          .hasMessage("Rows move in open transactions only");
    }
    assertThat(Pairs.value(servers.target(), "open", "SELECT count(*) FROM t")).isEqualTo("0");
  }

  @Test
  void needsLessMemoryThanARowHas() throws Exception {
    Move move = move("giant", "");
    both("giant", "CREATE TABLE t (id int, b bytea)", "ALTER TABLE t ALTER b SET STORAGE EXTERNAL");
    servers
        .source()
        .execute(
            "giant", "INSERT INTO t SELECT 1, decode(repeat(md5('row'), 4 * 1024 * 1024), 'hex')");
    assertThat(Pairs.value(servers.source(), "giant", "SELECT length(b) FROM t"))
        .isEqualTo(String.valueOf(64 << 20));

    String said = SmallHeap.run(RowPipeTest.class, 24, move.source().url(), move.target().url());

    assertThat(said).endsWith("1 row");
    assertSame("giant", "t");
  }

  /** Moves a table t between the databases of two URLs. */
  public static void main(String[] urls) throws Exception {
    Move move = between("giant", urls[0], urls[1]);
    System.out.println(move(move, "t", true) + " row");
  }

  private static Move move(String database, String parameters) {
    servers.source().createDatabase(database);
    servers.target().createDatabase(database);
    return between(
        database,
        servers.source().url(database) + parameters,
        servers.target().url(database) + parameters);
  }

  private static Move between(String name, String source, String target) {
    return new Move(
        name,
        new PostgresSpec(source, null, null, null),
        new PostgresSpec(target, null, null, null),
        List.of(Connect.MANUAL),
        List.of(),
        4,
        Duration.ofSeconds(1));
  }

  private static void both(String database, String... statements) {
    servers.source().execute(database, statements);
    servers.target().execute(database, statements);
  }

  private static long move(Move move, String table, boolean binary) throws Exception {
    String format = " WITH (FORMAT " + (binary ? "binary)" : "text)");
    try (Sessions open = new Sessions(move)) {
      long rows =
          new RowPipe()
              .run(
                  open.from,
                  "COPY public." + table + " TO STDOUT" + format,
                  open.to,
                  "COPY public." + table + " FROM STDIN" + format);
      open.to.connection().commit();
      return rows;
    }
  }

  private static boolean binary(String database, String table) throws Exception {
    try (var source = servers.source().connect(database)) {
      long oid =
          Long.parseLong(
              Pairs.value(servers.source(), database, "SELECT '" + table + "'::regclass::oid"));
      CopyColumns columns = CopyTables.columns(source, oid);
      return columns.binary(columns, 15, 16);
    }
  }

  private static void begin(RowSession session) throws SQLException {
    try (Statement statement = session.connection().createStatement()) {
      statement.execute("SELECT 1");
    }
  }

  private static void assertSame(String database, String table) throws Exception {
    String content =
        "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM %s t"
            .formatted(table);
    if (database.equals("giant")) {
      content = "SELECT count(*) || ' ' || md5(b) FROM t GROUP BY b";
    }
    assertThat(Pairs.value(servers.target(), database, content))
        .as(table)
        .isEqualTo(Pairs.value(servers.source(), database, content));
  }

  /** Both sessions, each in a transaction. */
  private static final class Sessions implements AutoCloseable {
    private final RowSession from;
    private final RowSession to;

    Sessions(Move move) throws SQLException {
      CopySessions sessions = new CopySessions(new Databases(new Secrets()), move);
      from = sessions.rowsFromSource();
      to = sessions.rowsToTarget();
      for (RowSession session : List.of(from, to)) {
        session.connection().setAutoCommit(false);
        begin(session);
      }
    }

    @Override
    public void close() {
      Objects.requireNonNull(from).close();
      to.close();
    }
  }
}
