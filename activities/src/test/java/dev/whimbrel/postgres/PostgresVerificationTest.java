package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer.OrderAnnotation;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** Undisturbed rounds come before the damage, which stays. */
@TestMethodOrder(OrderAnnotation.class)
class PostgresVerificationTest {
  /** Every table of a few thousand rows is cut. */
  private static final Cuts CUTS = new Cuts(1_000, 16);

  private static StreamedShop shop;
  private static ShopLoad load;

  @BeforeAll
  static void start() throws SQLException {
    shop = new StreamedShop(15, 16);
    load = new ShopLoad(shop.source);
  }

  @AfterAll
  static void stop() throws SQLException {
    load.close();
    shop.close();
  }

  @Test
  @Order(1)
  void findsNothingInFiveUndisturbedRoundsUnderLoad() {
    rounds(5);
  }

  @Test
  @Order(2)
  @Tag("campaign")
  void findsNothingInTwentyUndisturbedRoundsUnderLoad() {
    rounds(20);
  }

  @Test
  @Order(3)
  void findsPlantedDamageUnderLoad() {
    shop.damage("update customers set note = note || '\\x00' where id = 15000");
    shop.damage("update customers set balance = balance + 0.01 where id = 15001");
    shop.damage("delete from customers where id = 15002");
    shop.damage("delete from customers where id = 7");
    shop.damage("insert into customers (email, id) values ('extra@example.com', 30000)");
    shop.damage("insert into items values ('w1', 'small', 'Åre 0', 1)");
    shop.damage("update items set stock = stock + 1 where name = 'Åre 4000\"'");
    shop.damage("delete from items where name = 'Åre 4002\\'");
    shop.damage("insert into log select * from log where line = 'line 4711' limit 1");
    shop.damage("delete from log where line = 'line 4712'");
    shop.damage("update orders set total = -1 where id = 5000");
    shop.damage("alter table customers alter balance drop default");
    shop.damage(
        "update pg_index set indisvalid = false where indexrelid = 'orders_total'::regclass");

    VerificationReport report = verify("fast");
    VerificationReport again = verify("sha256");

    assertThat(again.findings()).isEqualTo(report.findings());
    assertThat(report.hash()).isEqualTo("fast");
    assertThat(again.hash()).isEqualTo("sha256");
    assertThat(report.differingRows()).isEqualTo(11);
    assertThat(report.differing())
        .hasSize(11)
        .contains(
            new DifferingRow(
                "public.customers",
                Map.of("id", "30000"),
                "only on the target",
                new Repair(customers(), Side.SOURCE).ofKey(List.of("30000"), false)));
    assertThat(report.findings())
        .anyMatch(line -> line.equals("public.customers (id)=(15000): differs in note"))
        .anyMatch(line -> line.equals("public.customers (id)=(15001): differs in balance"))
        .anyMatch(line -> line.equals("public.customers (id)=(15002): missing on the target"))
        .anyMatch(line -> line.equals("public.customers (id)=(7): missing on the target"))
        .anyMatch(line -> line.equals("public.customers (id)=(30000): only on the target"))
        .anyMatch(
            line ->
                line.equals(
                    "public.items (warehouse, kind, name)=(w1, small, Åre 0): only on the target"))
        .anyMatch(line -> line.endsWith("Åre 4000\"): differs in stock"))
        .anyMatch(line -> line.endsWith("Åre 4002\\): missing on the target"))
        .anyMatch(line -> line.contains("log: 1 on the source, 2 on the target of the row at ctid"))
        .anyMatch(line -> line.contains("log: 1 on the source, 0 on the target of the row at ctid"))
        .anyMatch(line -> line.matches("public.orders_... .id, day.=.5000, .*differs in .*total"))
        .anyMatch(
            line ->
                line.equals(
                    "column public.customers.balance: numeric(12,2) not null default 0 on the source, numeric(12,2) not null on the target"))
        .anyMatch(
            line ->
                line.equals(
                    "index public.orders_total: invalid on the target. Fix: REINDEX INDEX CONCURRENTLY public.orders_total;"));
    assertThat(report.differences()).isEqualTo(13);
  }

  private static void rounds(int rounds) {
    for (int round = 0; round < rounds; round++) {
      VerificationReport report = verify(round % 2 == 0 ? "fast" : "sha256");

      assertThat(report.findings()).isEmpty();
      assertThat(report.differences()).isZero();
      assertThat(report.rows()).isGreaterThan(46_000);
      assertThat(report.tables()).isEqualTo(7);
    }
    assertThat(load.rate()).isGreaterThan(50);
  }

  private static VerificationReport verify(String hash) {
    return verification(progress -> {}).verify(new VerifyRequest(shop.move(), Side.SOURCE, hash));
  }

  /** As much of the table as a command that deletes one of its rows needs. */
  private static ComparedTable customers() {
    return new ComparedTable(
        "public",
        "customers",
        List.of("id"),
        List.of(),
        List.of(),
        List.of("id"),
        List.of("pg_catalog.int8"),
        true,
        1,
        false);
  }

  private static PostgresVerification verification(Consumer<Progress> heartbeat) {
    return new PostgresVerification(new Secrets(Map.of()), heartbeat, CUTS);
  }
}
