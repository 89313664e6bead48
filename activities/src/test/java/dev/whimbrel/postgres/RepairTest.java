package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
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
    try (Connection target = shop.target.connect("shop")) {
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

    for (DifferingRow row : report.differing()) {
      run(Objects.requireNonNull(row.repair()));
    }

    assertThat(verify().differing()).isEmpty();
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
  }

  private static void run(String commands) throws IOException, InterruptedException {
    String programs = Path.of(Corpus.tool("psql", 13)).resolveSibling("").toString();
    ProcessBuilder builder = new ProcessBuilder("sh", "-c", commands).redirectErrorStream(true);
    builder
        .environment()
        .putAll(
            Map.of(
                "SOURCE",
                shop.source.url("shop"),
                "TARGET",
                shop.target.url("shop"),
                "PATH",
                programs + ":" + System.getenv("PATH")));
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(commands + "\n" + said).isZero();
  }

  private static VerificationReport verify() {
    return new PostgresVerification(new Secrets(Map.of()), progress -> {})
        .verify(new VerifyRequest(shop.move(), Side.SOURCE, "fast"));
  }
}
