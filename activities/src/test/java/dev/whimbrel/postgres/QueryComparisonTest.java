package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.QueriesReport.Result;
import dev.whimbrel.activity.QueriesReport.Verdict;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.QuerySpec;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QueryComparisonTest {
  private final QueriedShop shop;

  QueryComparisonTest() throws Exception {
    shop = new QueriedShop(16, 18);
  }

  @AfterEach
  void rest() {
    shop.rest();
  }

  @AfterAll
  void stop() {
    shop.close();
  }

  @Test
  void findsNoDifferenceWhereThereIsNoneAndTheOneThatIsPlanted() throws Exception {
    shop.write(3, Duration.ofMillis(15));
    String queries =
        """
        -- name: sums
        select count(*), sum(amount), max(id) from moves;
        -- name: accounts
        select id, balance from accounts order by id;
        -- name: both
        select (select sum(balance) from accounts), (select sum(amount) from moves);
        """;

    for (int round = 0; round < 4; round++) {
      List<Result> results = shop.ask(queries);
      assertThat(results)
          .extracting(Result::verdict)
          .as("round %d", round)
          .containsOnly(Verdict.SAME);
      assertThat(results.get(1).rows()).isEqualTo(500);
      assertThat(results).allSatisfy(r -> assertThat(r.sourceMillis()).isPositive());
      assertThat(results).allSatisfy(r -> assertThat(r.targetMillis()).isPositive());
    }

    shop.pair.target().execute("shop", "delete from moves where id = 77");
    try {
      List<Result> results = shop.ask(queries);
      assertThat(results)
          .extracting(Result::verdict)
          .containsExactly(
              Verdict.DIFFERS, Verdict.SAME, amountOfRow77() == 0 ? Verdict.SAME : Verdict.DIFFERS);
      assertThat(results.get(0).note())
          .startsWith(
              "1 rows on both sides, and not the same, 3 times at the same position of the stream");
    } finally {
      shop.pair
          .target()
          .execute("shop", "insert into moves (id, amount) values (77, " + amountOfRow77() + ")");
    }
  }

  private long amountOfRow77() throws Exception {
    return Long.parseLong(shop.source("select amount from moves where id = 77"));
  }

  @Test
  void looksForNamesWhereTheSourceDoes() throws Exception {
    shop.pair.source().execute("shop", "alter role postgres set search_path = elsewhere, public");
    shop.pair.target().execute("shop", "create schema if not exists elsewhere");
    shop.pair.source().execute("shop", "create schema if not exists elsewhere");
    try {
      assertThat(shop.ask("select count(*) from names"))
          .extracting(Result::verdict)
          .containsExactly(Verdict.SAME);
      assertThat(shop.ask("select current_setting('search_path')"))
          .extracting(Result::verdict)
          .containsExactly(Verdict.SAME);
    } finally {
      shop.pair.source().execute("shop", "alter role postgres reset search_path");
    }
  }

  @Test
  void tellsWhoseFailureItIsAndGoesOn() throws Exception {
    shop.pair
        .source()
        .execute(
            "shop",
            "create or replace function only_here() returns int language sql as 'select 1'");

    List<Result> results =
        shop.ask(
            """
            select only_here();
            select no_such_column from names;
            select nextval('numbers');
            select pg_sleep(5);
            select random() from names;
            -- compare: time only
            select now(), random() from names;
            select name from names order by name;
            select 1 from names for update;
            select count(*) from names where name = 'B';
            """,
            Duration.ofSeconds(2));

    assertThat(results)
        .extracting(Result::verdict)
        .containsExactly(
            Verdict.FAILS_ON_ONE,
            Verdict.NOT_COMPARED,
            Verdict.NOT_COMPARED,
            Verdict.NOT_COMPARED,
            Verdict.NOT_COMPARED,
            Verdict.TIME_ONLY,
            Verdict.OTHER_ORDER,
            Verdict.NOT_COMPARED,
            Verdict.SAME);
    assertThat(results.get(0).note())
        .startsWith("it fails on the target alone: ERROR: function only_here() does not exist");
    assertThat(results.get(1).note())
        .startsWith("it fails on both sides: ERROR: column \"no_such_column\" does not exist");
    assertThat(results.get(2).note())
        .contains("cannot execute nextval() in a read-only transaction");
    assertThat(results.get(3).note()).isEqualTo("it fails on both sides: it takes longer than 2 s");
    assertThat(results.get(4).note()).startsWith("it returns something else each time");
    assertThat(results.get(5).targetMillis()).isPositive();
    assertThat(results.get(6).note()).startsWith("the same rows in another order");
    assertThat(results.get(7).note()).contains("read-only transaction");
    assertThat(shop.source("select last_value || ' ' || is_called from numbers"))
        .isEqualTo("1 false");
  }

  @Test
  void tellsWhatIsSlowerOnTheTargetThoughItIsTheSame() throws Exception {
    String function =
        "create or replace function slow() returns int language plpgsql as $$ begin perform pg_sleep(%s); return 1; end $$";
    shop.pair.source().execute("shop", function.formatted("0.001"));
    shop.pair.target().execute("shop", function.formatted("0.2"));

    List<Result> results = shop.ask("select slow(); select count(*) from names;");

    assertThat(results.get(0).verdict()).isEqualTo(Verdict.SAME);
    assertThat(results.get(0).slower()).isTrue();
    assertThat(results.get(0).targetMillis()).isGreaterThan(190);
    assertThat(results.get(0).sourceMillis()).isLessThan(100);
    assertThat(results.get(0).note()).startsWith("by the same plan");
    assertThat(results.get(1).slower()).isFalse();
  }

  @Test
  void tellsAnotherPlan() throws Exception {
    shop.pair
        .target()
        .execute(
            "shop",
            "alter database shop set enable_indexscan = off",
            "alter database shop set enable_bitmapscan = off",
            "alter database shop set enable_indexonlyscan = off");
    try (Connection source = shop.pair.source().connect("shop");
        Connection target = shop.pair.target().connect("shop")) {
      String sql = "select amount from moves where id = 5";
      assertThat(QueryTime.of(target, sql).hint(QueryTime.of(source, sql)))
          .startsWith(
              "its plan is another one (Seq Scan on moves, on the source Index Scan on moves by moves_pkey)");
    } finally {
      shop.pair.target().execute("shop", "alter database shop reset all");
    }
  }

  @Test
  void neverWritesWhateverStandsInTheFile() throws Exception {
    shop.pair.source().execute("shop", "create table victim as select 1 as id");
    shop.pair.target().execute("shop", "create table victim as select 1 as id");
    for (String sql :
        List.of(
            "select 1 -- a\r; commit; drop table victim; select 2",
            "select 1 as €$$; commit; drop table victim; select 2 as €$$",
            "select 1; commit; delete from victim")) {
      List<Result> results =
          new QueryComparison(
                  QueriedShop.DATABASES,
                  new QueriesRequest(
                      shop.move(), List.of(new QuerySpec("evil", 1, sql, false, false))))
              .run()
              .results();

      assertThat(results).extracting(Result::verdict).containsExactly(Verdict.NOT_COMPARED);
      assertThat(results.get(0).note()).contains("several statements");
      assertThat(shop.source("select count(*) from victim")).isEqualTo("1");
      assertThat(shop.target("select count(*) from victim")).isEqualTo("1");
    }
    shop.pair.source().execute("shop", "drop table victim");
    shop.pair.target().execute("shop", "drop table victim");
  }

  @Test
  void writesNothingEvenBehindACommit() throws Exception {
    try (Connection session =
        QuerySessions.of(QueriedShop.DATABASES, shop.move(), Duration.ofSeconds(5))
            .open(Side.SOURCE)) {
      assertThatThrownBy(
              () -> session.createStatement().execute("commit; create table never as select 1"))
          .hasMessageContaining("read-only transaction");
    }
  }

  @Test
  void showsNoValueOfTheDataWhereAQueryFails() throws Exception {
    List<Result> results = shop.ask("select sum(name::int) from names");

    assertThat(results.get(0).note())
        .isEqualTo(
            "it fails on both sides: the server refuses what it does with the data (SQLSTATE 22P02)");
  }

  @Test
  void countsTheTimeOfAllRowsTogether() throws Exception {
    List<Result> results =
        shop.ask(
            "select i, pg_sleep(0.01), repeat('x', 400000) from generate_series(1, 1000) i",
            Duration.ofSeconds(2));

    assertThat(results.get(0).note()).contains("it takes longer than 2 s");
  }

  @Test
  void readsAsManyRowsAsItComparesAndNoMore() throws Exception {
    List<Result> results =
        shop.ask(
            "select i, null, '' from generate_series(1, 200000) i order by i; select generate_series(1, 1000001)");

    assertThat(results.get(0).verdict()).isEqualTo(Verdict.SAME);
    assertThat(results.get(0).rows()).isEqualTo(200_000);
    assertThat(results.get(1).verdict()).isEqualTo(Verdict.NOT_COMPARED);
    assertThat(results.get(1).note()).startsWith("it returns more than a million rows");
  }

  @Test
  void takesNoTwoRowsForOneAnother() throws Exception {
    try (Connection session = shop.pair.source().connect("shop")) {
      assertThat(bag(session, "select 'ab', 'c'")).isNotEqualTo(bag(session, "select 'a', 'bc'"));
      assertThat(bag(session, "select null::text")).isNotEqualTo(bag(session, "select ''"));
      assertThat(bag(session, "values (1), (1), (2)"))
          .isNotEqualTo(bag(session, "values (1), (2), (2)"))
          .isEqualTo(bag(session, "values (2), (1), (1)"));
    }
  }

  private static String bag(Connection session, String sql) throws Exception {
    return QueryAnswer.of(session, sql, Duration.ofSeconds(30)).bag();
  }
}
