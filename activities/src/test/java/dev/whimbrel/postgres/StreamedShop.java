package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** A shop's database on two servers, with a stream from the source to the target. */
final class StreamedShop implements AutoCloseable {
  private static final String TABLES =
      """
      create type size as enum ('small', 'big');
      create table customers (id bigint primary key, email text not null, balance numeric(12,2) not null default 0, note bytea, changed timestamptz not null default now());
      create table items (warehouse text collate "en-x-icu", kind size, name text, stock int not null, primary key (warehouse, kind, name));
      create table counters (id int primary key, hits bigint not null);
      create table queue (id int primary key, at timestamptz not null default clock_timestamp());
      create table log (at timestamptz not null default clock_timestamp(), line text);
      alter table log replica identity full;
      create index log_line on log (line);
      create table orders (id bigserial, day date not null, total float8, doubled float8 generated always as (total * 2) stored, primary key (id, day)) partition by range (day);
      create table orders_old partition of orders for values from ('2020-01-01') to ('2025-01-01');
      create table orders_new partition of orders for values from ('2025-01-01') to ('2030-01-01');
      create index orders_total on orders_old (total);
      create materialized view rich as select id from customers where id > 990;
      """;

  private static final String ROWS =
      """
      insert into customers select i, 'c' || i || '@example.com', i / 7.0, decode(md5(i::text), 'hex') from generate_series(1, 20000) i;
      insert into items select 'w' || i % 7, (array['small', 'big'])[1 + i % 2]::size, 'Åre ' || i || case when i % 3 = 0 then '\\' else '"' end, i from generate_series(1, 9000) i;
      insert into counters values (1, 0);
      insert into queue select i from generate_series(1, 20) i;
      insert into log select now(), 'line ' || i % 5000 from generate_series(1, 8000) i;
      insert into orders (day, total) select date '2024-01-01' + i % 700, i / 3.0 from generate_series(1, 9000) i;
      """;

  final PostgresServer source;
  final PostgresServer target;

  StreamedShop(int from, int to) throws SQLException {
    this(from, to, "", "");
  }

  /** With what {@code CREATE DATABASE} says of either side's locale. */
  StreamedShop(int from, int to, String sourceLocale, String targetLocale) throws SQLException {
    source = PostgresServer.start(from);
    target = PostgresServer.start(to);
    for (PostgresServer server : List.of(source, target)) {
      server.execute(
          "postgres",
          "create database shop template template0 "
              + (server == source ? sourceLocale : targetLocale));
      try (Connection database = server.connect("shop")) {
        Markers.create(database);
      }
    }
    source.execute("shop", TABLES, ROWS, "refresh materialized view rich", "analyze");
    // Another physical order, with a dropped column, and the same names.
    target.execute(
        "shop",
        TABLES.replace(
            "create table customers (id bigint primary key, email text not null,",
            "create table customers (old int, email text not null, id bigint primary key,"),
        "alter table customers drop column old");
    source.execute(
        "shop",
        "create publication shop for table customers, items, counters, queue, log, orders,"
            + " whimbrel.marker_forward");
    target.execute(
        "shop",
        "create subscription shop connection 'host=127.0.0.1 port=%d dbname=shop user=postgres' publication shop"
            .formatted(source.port()));
    awaitCopied();
    target.execute("shop", "refresh materialized view rich", "analyze");
  }

  /** The move from one to the other. */
  Move move() {
    return new Move(
        "shop",
        new PostgresSpec(source.url("shop"), null, null, null),
        new PostgresSpec(target.url("shop"), null, null, null),
        List.of(),
        List.of(),
        2,
        Duration.ofSeconds(1));
  }

  /** Adds a table to the stream, with these rows. */
  void add(String table, String create, String rows) throws SQLException {
    source.execute("shop", create, rows, "analyze " + table);
    target.execute("shop", create);
    source.execute("shop", "alter publication shop add table " + table);
    target.execute("shop", "alter subscription shop refresh publication");
    awaitCopied();
    target.execute("shop", "analyze " + table);
  }

  /**
   * Makes the target the truth, as a hand-over does while nobody writes: everything has arrived,
   * sequences are carried, and the stream runs the other way.
   */
  void handOver() throws SQLException {
    try (Connection here = source.connect("shop");
        Connection there = target.connect("shop")) {
      java.util.UUID marker = Markers.write(here, Side.SOURCE, "test");
      if (!Markers.await(there, Side.SOURCE, marker, Duration.ofSeconds(60))) {
        throw new AssertionError("not everything arrived");
      }
      SequencePass.carry(here, there, Selection.EVERYTHING);
    }
    target.execute("shop", "drop subscription shop");
    target.execute(
        "shop",
        "create publication back for table customers, items, counters, queue, log, orders,"
            + " whimbrel.marker_reverse");
    source.execute(
        "shop",
        "create subscription back connection 'host=127.0.0.1 port=%d dbname=shop user=postgres' publication back with (copy_data = false)"
            .formatted(target.port()));
  }

  /** Runs SQL on the target behind the stream's back. */
  void damage(String sql) {
    target.execute("shop", sql);
  }

  private void awaitCopied() throws SQLException {
    Instant deadline = Instant.now().plusSeconds(60);
    try (Connection database = target.connect("shop");
        Statement statement = database.createStatement()) {
      while (true) {
        try (ResultSet row =
            statement.executeQuery(
                "select count(*) filter (where srsubstate <> 'r') from pg_subscription_rel")) {
          row.next();
          if (row.getInt(1) == 0) {
            return;
          }
        }
        if (Instant.now().isAfter(deadline)) {
          throw new AssertionError("tables were not copied in 60 s");
        }
        try {
          Thread.sleep(50);
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  @Override
  public void close() {
    target.close();
    source.close();
  }
}
