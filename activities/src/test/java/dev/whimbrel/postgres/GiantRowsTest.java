package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A row of 48 MB is compared, and shown where it differs, through a heap of 24 MB. */
class GiantRowsTest {
  private static StreamedShop shop;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
    for (var server : List.of(shop.source, shop.target)) {
      server.execute(
          "shop",
          "create table scans (id int primary key, b bytea, t text)",
          "alter table scans alter b set storage external, alter t set storage external",
          "insert into scans select i, decode(repeat(md5(i::text), 2 * 1024 * 1024), 'hex'), repeat('x', 16 * 1024 * 1024) from generate_series(1, 2) i",
          "create table pages (b bytea)",
          "alter table pages alter b set storage external",
          "insert into pages select decode(repeat(md5('page'), 2 * 1024 * 1024), 'hex')");
    }
    shop.damage("update scans set b = set_byte(b, 1000000, 7) where id = 1");
    shop.damage("update scans set t = t || 'y' where id = 2");
    shop.damage("update pages set b = b || '\\x07'");
  }

  @AfterAll
  static void stop() {
    shop.close();
  }

  @Test
  void areComparedAndShownWithLessMemoryThanOneOfThemHas() throws Exception {
    String said =
        SmallHeap.run(GiantRowsTest.class, 24, shop.source.url("shop"), shop.target.url("shop"));

    assertThat(said.lines())
        .contains(
            "public.scans (id)=(1): differs in b",
            "public.scans (id)=(2): differs in t",
            "public.pages: 1 on the source, 0 on the target of the row at ctid (0,1) of the source",
            "public.pages: 0 on the source, 1 on the target of the row at ctid (0,2) of the target",
            "4 differences");
  }

  /** Compares the databases of two URLs. */
  public static void main(String[] urls) {
    Move move =
        new Move(
            "shop",
            new PostgresSpec(urls[0], null, null, null),
            new PostgresSpec(urls[1], null, null, null),
            List.of(),
            List.of(),
            2,
            Duration.ofSeconds(1));
    VerificationReport report =
        new PostgresVerification(new Secrets(Map.of()), progress -> {})
            .verify(new VerifyRequest(move, Side.SOURCE, "fast"));
    report.findings().forEach(System.out::println);
    System.out.println(report.differences() + " differences");
  }
}
