package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a suite finds in its clone, and what of it reaches anybody else: nothing. */
@Needs(Program.PG_DUMP)
class WritingSuiteTest {
  private static final PostgresSuiteClones CLONES = new PostgresSuiteClones(new Secrets());
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static QueriedShop shop;

  @BeforeAll
  static void startServers() throws SQLException {
    shop = new QueriedShop(15, 15);
    for (Side side : Side.values()) {
      PostgresServer server = side == Side.SOURCE ? shop.pair.source() : shop.pair.target();
      try (Connection database = server.connect("shop")) {
        Authority.claim(database, "shop", side);
      }
    }
    try (Connection target = shop.pair.target().connect("shop")) {
      Fence.install(target);
      Fence.close(target);
    }
    shop.pair
        .target()
        .execute(
            "shop",
            "CREATE FOREIGN DATA WRAPPER nothing",
            "CREATE SERVER \"far away\" FOREIGN DATA WRAPPER nothing",
            "CREATE USER MAPPING FOR PUBLIC SERVER \"far away\" OPTIONS (secret 'x')",
            "CREATE USER MAPPING FOR postgres SERVER \"far away\" OPTIONS (secret 'x')",
            "ALTER DATABASE shop SET work_mem = '7MB'");
  }

  @AfterAll
  static void stopServers() {
    shop.close();
  }

  @Test
  void writesIntoItsCloneAloneWhileTheServiceGoesOn() throws Exception {
    shop.write(2, Duration.ofMillis(2));
    shop.pair.source().execute("shop", "CREATE SEQUENCE scratch");
    TablesSpec choice = new TablesSpec(List.of(), List.of("public.scratch"), List.of());
    SuiteClone clone = new SuiteClone(shop.move().choosing(choice), "11111111");
    CLONES.createSuiteClone(clone);
    try (CloneByHand bringing = new CloneByHand(bringing(clone))) {
      bringing.bring();
      bringing.release();
    }
    String ready = CLONES.readySuiteClone(clone).line();

    assertThat(ready)
        .isEqualTo(
            "2 sequences stand where the source's do; 2 user mappings of foreign servers are dropped in the clone");
    assertThat(in(clone, "SELECT count(*) FROM pg_user_mappings")).isEqualTo("0");
    assertThat(in(clone, "SELECT sum(balance) <> 500000 AND count(*) = 500 FROM accounts"))
        .isEqualTo("t");
    assertThat(in(clone, "SHOW work_mem")).isEqualTo("7MB");
    assertThat(in(clone, "SELECT to_regnamespace('whimbrel') IS NULL")).isEqualTo("t");
    assertThat(in(clone, "SELECT count(*) FROM pg_trigger WHERE tgname ~ 'whimbrel'"))
        .isEqualTo("0");
    assertThat(
            in(
                clone,
                "SELECT count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"))
        .isEqualTo("0");

    // The suite.
    shop.pair
        .target()
        .execute(
            clone.database(),
            "INSERT INTO moves (amount) SELECT 4711 FROM generate_series(1, 1000)",
            "DELETE FROM accounts WHERE id < 100",
            "UPDATE names SET name = 'the suite'",
            "DROP TABLE names",
            "CREATE TABLE left_by_the_suite (id int)",
            "SELECT setval('numbers', 999999)");
    shop.rest();
    CLONES.dropSuiteClone(clone);

    Wait.until(
        "both sides agree",
        LIMIT,
        () -> {
          for (String sql :
              List.of(
                  "SELECT count(*) || ' ' || sum(balance) FROM accounts",
                  "SELECT count(*) || ' ' || sum(amount) || ' ' || max(id) FROM moves",
                  "SELECT string_agg(name, ',' ORDER BY id) FROM names")) {
            assertThat(shop.target(sql)).isEqualTo(shop.source(sql));
          }
          return true;
        });
    for (PostgresServer server : List.of(shop.pair.source(), shop.pair.target())) {
      assertThat(Pairs.value(server, "shop", "SELECT count(*) FROM moves WHERE amount = 4711"))
          .isEqualTo("0");
      assertThat(Pairs.value(server, "shop", "SELECT to_regclass('left_by_the_suite') IS NULL"))
          .isEqualTo("t");
      assertThat(Pairs.value(server, "shop", "SELECT last_value FROM numbers"))
          .isNotEqualTo("999999");
      assertThat(
              Pairs.value(
                  server, "shop", "SELECT count(*) FROM pg_database WHERE datname ~ '_suite_'"))
          .isEqualTo("0");
      Wait.until(
          "no session is left",
          LIMIT,
          () ->
              Pairs.value(
                      server,
                      "shop",
                      "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^whimbrel '")
                  .equals("0"));
    }
    assertThat(shop.target("SELECT count(*) FROM pg_user_mappings")).isEqualTo("2");
    assertThat(shop.target("SELECT to_regclass('whimbrel.suite_clone') IS NOT NULL"))
        .isEqualTo("t");
  }

  /** As the child workflow brings it. */
  private static Move bringing(SuiteClone clone) {
    return new Move(
        "shop~11111111",
        shop.move().target(),
        clone.postgres(),
        List.of(),
        List.of(),
        2,
        Duration.ofSeconds(1));
  }

  private static String in(SuiteClone clone, String sql) throws SQLException {
    return Pairs.value(shop.pair.target(), clone.database(), sql);
  }
}
