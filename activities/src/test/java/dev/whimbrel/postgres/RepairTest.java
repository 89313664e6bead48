package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is offered is run as a person would, by a shell and psql, on a side that is closed. */
class RepairTest {
  private static StreamedShop shop;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
    for (var server : List.of(shop.source, shop.target)) {
      server.execute(
          "shop",
          "create table notes (customer bigint references customers on delete cascade, n int)",
          "insert into notes values (42, 1)",
          "create function never() returns trigger language plpgsql as $$ begin raise 'fired'; end $$");
    }
    shop.damage("update customers set note = note || '\\x00' where id = 42");
    shop.damage("delete from customers where id = 43");
    shop.damage("insert into customers (email, id) values ('extra@example.com', 30000)");
    shop.damage("update items set stock = stock + 1 where name = 'Åre 4000\"'");
    shop.damage("update items set stock = stock + 1 where name = 'Åre 4002\\'");
    shop.damage("insert into log select * from log where line = 'line 4711' limit 1");
    shop.damage(
        "delete from log where ctid = (select min(ctid) from log where line = 'line 4712')");
    shop.damage("update orders set total = -1 where id = 100");
    shop.target.execute(
        "shop",
        "create trigger never before insert or update or delete on customers for each row execute function never()",
        "create trigger never before insert or update or delete on items for each row execute function never()");
    try (Connection source = shop.source.connect("shop");
        Connection target = shop.target.connect("shop")) {
      Authority.claim(source, "shop", Side.SOURCE);
      Authority.claim(target, "shop", Side.TARGET);
      Fence.install(target);
      Fence.close(target);
    }
  }

  @AfterAll
  static void stop() {
    shop.close();
  }

  @Test
  void mendsWhatDiffersAndNothingElse() throws Exception {
    VerificationReport report = verify();
    assertThat(report.differing()).hasSize(8);

    refusesAfterAHandOverAndWithSwappedUrls(report);
    refusesToDeleteWhatItMayNotRead(report);
    for (DifferingRow row : report.differing()) {
      if (!row.table().equals("public.log")) {
        run(Objects.requireNonNull(row.repair()));
      }
    }

    // By the place alone, a row without a key could be taken for another one.
    assertThat(verify().differing())
        .hasSize(2)
        .allMatch(row -> row.table().equals("public.log") && row.repair() == null);
    try (Connection target = shop.target.connect("shop")) {
      assertThat(Fence.isClosed(target)).isTrue();
    }
    assertThat(
            Pairs.value(
                shop.target,
                "shop",
                "select evtenabled from pg_event_trigger where evtname = 'whimbrel_ddl'"))
        .isEqualTo("A");
  }

  /** Each with every row that has commands. */
  private static void refusesAfterAHandOverAndWithSwappedUrls(VerificationReport report)
      throws Exception {
    String ofSource = contents(shop.source);
    String ofTarget = contents(shop.target);
    List<String> all =
        report.differing().stream().map(DifferingRow::repair).filter(Objects::nonNull).toList();

    for (String commands : all) {
      refuses(commands, shop.target, shop.source, "or this is not the target");
    }
    shop.target.execute("shop", "update whimbrel.authority set writable = 'target'");
    for (String commands : all) {
      refuses(commands, shop.source, shop.target, "writes do not go to the source any more");
    }
    shop.target.execute("shop", "update whimbrel.authority set writable = 'source'");
    // Between the hand-over and the opening only the truth knows.
    shop.source.execute("shop", "update whimbrel.authority set writable = 'target'");
    for (String commands : all) {
      if (commands.contains("$ROW")) {
        refuses(commands, shop.source, shop.target, "writes do not go to the source any more");
      }
    }
    shop.source.execute("shop", "update whimbrel.authority set writable = 'source'");

    assertThat(contents(shop.source)).isEqualTo(ofSource);
    assertThat(contents(shop.target)).isEqualTo(ofTarget);
  }

  private static void refusesToDeleteWhatItMayNotRead(VerificationReport report) throws Exception {
    String ofTarget = contents(shop.target);
    shop.source.execute(
        "shop",
        "create role careless login",
        "grant usage on schema public, whimbrel to careless",
        "grant select on all tables in schema public, whimbrel to careless",
        "alter table customers enable row level security");
    try {
      String commands =
          report.differing().stream()
              .filter(row -> row.key().containsValue("42"))
              .map(DifferingRow::repair)
              .findFirst()
              .orElseThrow();

      Ended ended = ended(commands, shop.source.url("careless", "shop"), shop.target.url("shop"));

      assertThat(ended.code()).isNotZero();
      assertThat(ended.said()).contains("row-level security policy");
      assertThat(contents(shop.target)).isEqualTo(ofTarget);
    } finally {
      shop.source.execute("shop", "alter table customers disable row level security");
    }
  }

  private static void refuses(
      String commands, PostgresServer source, PostgresServer target, String because)
      throws IOException, InterruptedException {
    Ended ended = ended(commands, source.url("shop"), target.url("shop"));

    assertThat(ended.code()).as(ended.said()).isNotZero();
    assertThat(ended.said()).contains(because);
  }

  /** Everything that a repair could change. */
  private static String contents(PostgresServer server) throws SQLException {
    return Pairs.value(
        server,
        "shop",
        """
        select md5((select string_agg(c::text, ',' order by id) from customers c)
          || (select string_agg(i::text, ',' order by name, warehouse, kind) from items i)
          || (select string_agg(o::text, ',' order by id, day) from orders o)
          || coalesce((select string_agg(g.tgrelid::regclass || ' ' || g.tgname || g.tgenabled::text, ',' order by g.tgrelid::regclass::text, g.tgname)
                from pg_trigger g where tgname like 'whimbrel%'), ''))""");
  }

  @Test
  void isNotOfferedWhereAKeyCouldEndTheLine() {
    Repair repair =
        new Repair(
            new ComparedTable(
                "public",
                "t",
                List.of("id"),
                List.of(),
                List.of(),
                List.of("id"),
                List.of("pg_catalog.text"),
                true,
                1,
                false),
            Side.SOURCE);

    assertThat(repair.ofKey(List.of("a\nEND\nreboot"), true)).isNull();
    assertThat(repair.ofKey(List.of("it's $HOME `id`"), true))
        .contains("cast('\\''it'\\'''\\''s $HOME `id`'\\'' as pg_catalog.text)")
        .contains("where (\"id\") = (cast('it''s $HOME `id`' as pg_catalog.text));");
    assertThat(repair.ofKey(List.of("é"), false))
        .contains("export PGCLIENTENCODING=UTF8 ")
        .contains(" and cast(\"id\" as text) = 'é' collate \"C\";");
  }

  private static void run(String commands) throws IOException, InterruptedException {
    Ended ended = ended(commands, shop.source.url("shop"), shop.target.url("shop"));
    assertThat(ended.code()).as(commands + "\n" + ended.said()).isZero();
  }

  private record Ended(int code, String said) {}

  private static Ended ended(String commands, String source, String target)
      throws IOException, InterruptedException {
    String programs = Path.of(Corpus.tool("psql", 13)).resolveSibling("").toString();
    ProcessBuilder builder = new ProcessBuilder("sh", "-c", commands).redirectErrorStream(true);
    builder
        .environment()
        .putAll(
            Map.of(
                "SOURCE",
                source,
                "TARGET",
                target,
                "PATH",
                programs + ":" + System.getenv("PATH")));
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), said);
  }

  private static VerificationReport verify() {
    return new PostgresVerification(new Secrets(Map.of()), progress -> {})
        .verify(new VerifyRequest(shop.move(), Side.SOURCE, "fast"));
  }
}
