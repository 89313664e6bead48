package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The figure of the catalog that is compared while writers wait. */
class FingerprintTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(13, 15);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void tellsWhatMovesAndNotWhatStays() throws Exception {
    pair.source().createDatabase("figure");
    Move move =
        pair.move("figure")
            .choosing(new TablesSpec(List.of(), List.of("audit.*"), List.of("public.cache")));
    run(
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.log (id serial PRIMARY KEY)",
        "CREATE TABLE orders (id serial PRIMARY KEY)",
        "CREATE TABLE cache (id int PRIMARY KEY)");
    String before = figure(move);

    run(
        "ALTER TABLE audit.log ADD COLUMN line text",
        "CREATE TABLE audit.later (id serial PRIMARY KEY)",
        "DROP TABLE audit.log");
    assertThat(figure(move)).isEqualTo(before);

    for (List<String> change :
        List.of(
            List.of(
                "ALTER TABLE orders ADD COLUMN note text", "ALTER TABLE orders DROP COLUMN note"),
            List.of("ALTER TABLE cache ADD COLUMN note text", ""),
            List.of("CREATE TABLE fresh (id int)", "DROP TABLE fresh"),
            List.of("CREATE SEQUENCE free", "DROP SEQUENCE free"),
            List.of(
                "ALTER TABLE orders SET SCHEMA audit",
                "ALTER TABLE audit.orders SET SCHEMA public"),
            List.of("ALTER TABLE audit.later SET SCHEMA public", ""))) {
      String unchanged = figure(move);
      run(change.get(0));
      assertThat(figure(move)).as(change.get(0)).isNotEqualTo(unchanged);
      if (!change.get(1).isEmpty()) {
        run(change.get(1));
      }
    }
  }

  /** The list that is used while writers wait was read before they did. */
  @Test
  void seesWhatBecomesPartOfSomethingThatMovesAfterTheLook() throws Exception {
    pair.source().createDatabase("attached");
    Move move =
        pair.move("attached").choosing(new TablesSpec(List.of(), List.of("public.st*"), List.of()));
    pair.source()
        .execute(
            "attached",
            "CREATE TABLE orders (id int NOT NULL) PARTITION BY RANGE (id)",
            "CREATE TABLE plain (id int NOT NULL)",
            "CREATE TABLE stage (id int NOT NULL)",
            "CREATE TABLE stock (id int NOT NULL)",
            "CREATE TABLE stay (id int NOT NULL)");
    try (Connection source = pair.source().connect("attached")) {
      Selection read = Selection.of(move, source);
      String before = Fence.fingerprint(source, read);

      pair.source().execute("attached", "ALTER TABLE stay INHERIT stock");
      assertThat(Fence.fingerprint(source, read)).isEqualTo(before);
      pair.source().execute("attached", "ALTER TABLE stock INHERIT plain");
      assertThat(Fence.fingerprint(source, read)).isNotEqualTo(before);
      pair.source()
          .execute(
              "attached",
              "ALTER TABLE stock NO INHERIT plain",
              "ALTER TABLE orders ATTACH PARTITION stage DEFAULT");
      assertThat(Fence.fingerprint(source, read)).isNotEqualTo(before);
    }
  }

  /** Rows of a child are rows of its parent. */
  @Test
  void countsWhatStaysEmptyAsSoonAsItIsPartOfWhatMovesWithItsRows() throws Exception {
    pair.source().createDatabase("inherited");
    Move move =
        pair.move("inherited")
            .choosing(new TablesSpec(List.of(), List.of(), List.of("public.st*")));
    pair.source()
        .execute(
            "inherited",
            "CREATE TABLE plain (id int NOT NULL)",
            "CREATE TABLE stage (id int NOT NULL)",
            "CREATE TABLE stock (id int NOT NULL)");
    try (Connection source = pair.source().connect("inherited")) {
      Selection read = Selection.of(move, source);
      String before = Fence.fingerprint(source, read);

      pair.source().execute("inherited", "ALTER TABLE stage INHERIT stock");
      assertThat(Fence.fingerprint(source, read)).isEqualTo(before);
      pair.source().execute("inherited", "ALTER TABLE stock INHERIT plain");
      assertThat(Fence.fingerprint(source, read)).isNotEqualTo(before);
    }
  }

  @Test
  void isReadWithoutCompilingTheQuery() throws Exception {
    pair.source().createDatabase("compiled");
    Move move = pair.move("compiled");

    try (Sessions sessions =
        Sessions.openOne(
            new Databases(new Secrets()), move, "test", Duration.ofSeconds(10), Side.SOURCE)) {
      assertThat(sessions.on(Side.SOURCE).value("SHOW jit", Duration.ofSeconds(5)))
          .isEqualTo("off");
    }
  }

  private static String figure(Move move) throws SQLException {
    try (Connection source = pair.source().connect("figure")) {
      return Fence.fingerprint(source, Selection.of(move, source));
    }
  }

  private static void run(String... sql) {
    pair.source().execute("figure", sql);
  }
}
