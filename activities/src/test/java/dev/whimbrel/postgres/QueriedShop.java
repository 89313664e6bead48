package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesReport.Result;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.QueryFile;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** A shop's database on two servers, with the stream of a migration between them. */
final class QueriedShop implements AutoCloseable {
  static final Databases DATABASES = new Databases(new Secrets());

  private static final String TABLES =
      """
      create table accounts (id int primary key, balance bigint not null);
      create table moves (id bigserial primary key, at timestamptz not null default clock_timestamp(), amount bigint not null);
      create table names (id int primary key, name text collate "en-x-icu");
      create sequence numbers;
      """;

  final Pairs pair;
  final AtomicLong commits = new AtomicLong();
  private final Names names = new Names("shop");
  private final List<Thread> writers = new ArrayList<>();
  private volatile boolean stop;

  QueriedShop(int from, int to) throws SQLException {
    pair = Pairs.of(from, to);
    pair.source().createDatabase("shop");
    pair.target().createDatabase("shop");
    try (Connection source = pair.source().connect("shop");
        Connection target = pair.target().connect("shop")) {
      Markers.create(source);
      Markers.create(target);
    }
    pair.source()
        .execute(
            "shop",
            TABLES,
            "insert into accounts select i, 1000 from generate_series(1, 500) i",
            "insert into moves (amount) select i % 9 from generate_series(1, 20000) i",
            "insert into names values (1, 'a'), (2, 'B'), (3, 'c')",
            "create publication %s for table accounts, moves, names, whimbrel.marker_forward"
                .formatted(names.forwardPublication()));
    pair.target()
        .execute(
            "shop",
            TABLES.replace("\"en-x-icu\"", "\"C\""),
            "create subscription %s connection 'host=127.0.0.1 port=%d dbname=shop user=postgres' publication %s"
                .formatted(
                    names.forwardSubscription(), pair.source().port(), names.forwardPublication()));
    Wait.until(
        "the tables are copied",
        Duration.ofSeconds(60),
        () ->
            target("select count(*) from pg_subscription_rel where srsubstate <> 'r'").equals("0")
                && target("select count(*) from moves").equals("20000"));
  }

  Move move() {
    return new Move(
        "shop",
        new PostgresSpec(pair.source().url("shop"), null, null, null),
        new PostgresSpec(pair.target().url("shop"), null, null, null),
        List.of(Connect.MANUAL),
        List.of(),
        4,
        Duration.ofSeconds(1));
  }

  /** Asks both. */
  List<Result> ask(String queries) throws SQLException {
    return ask(queries, QuerySessions.LIMIT);
  }

  List<Result> ask(String queries, Duration limit) throws SQLException {
    QueriesReport report =
        new QueryComparison(DATABASES, new QueriesRequest(move(), QueryFile.parse(queries)), limit)
            .run();
    return report.results();
  }

  SamePosition position() throws SQLException {
    return SamePosition.open(
        DATABASES, move(), QuerySessions.of(DATABASES, move(), QuerySessions.LIMIT));
  }

  String source(String sql) throws SQLException {
    return Pairs.value(pair.source(), "shop", sql);
  }

  String target(String sql) throws SQLException {
    return Pairs.value(pair.target(), "shop", sql);
  }

  /** Moves money between accounts, by so many, each of whom rests for a moment after each move. */
  void write(int count, Duration rest) {
    for (int i = 0; i < count; i++) {
      Thread writer = new Thread(() -> write(rest), "mover-" + i);
      writer.setDaemon(true);
      writers.add(writer);
      writer.start();
    }
    Wait.until("they write", Duration.ofSeconds(30), () -> commits.get() > 10L * count);
  }

  private void write(Duration rest) {
    try (Connection connection = pair.source().connect("shop")) {
      connection.setAutoCommit(false);
      try (PreparedStatement take =
              connection.prepareStatement(
                  "update accounts set balance = balance - ? where id = 1 + (random() * 499)::int");
          PreparedStatement log =
              connection.prepareStatement("insert into moves (amount) values (?)")) {
        for (long n = 0; !stop; n++) {
          take.setLong(1, n % 7);
          take.executeUpdate();
          log.setLong(1, n % 7);
          log.executeUpdate();
          connection.commit();
          commits.incrementAndGet();
          Thread.sleep(rest.toMillis());
        }
      }
    } catch (SQLException e) {
      if (!stop) {
        throw new IllegalStateException(e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends the writers. */
  void rest() {
    stop = true;
    for (Thread writer : writers) {
      try {
        writer.join(10_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    writers.clear();
    stop = false;
  }

  @Override
  public void close() {
    rest();
    pair.close();
  }
}
