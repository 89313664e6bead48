package dev.whimbrel.runbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QueryFileTest {
  @Test
  void readsQueriesWithTheirNamesAndMarks() {
    List<QuerySpec> queries =
        QueryFile.parse(
            """
            -- What the shop asks all day.

            -- name: top buyers
            select buyer, sum(total)
              from orders group by 1 order by 2 desc limit 10;

            /* nothing; /* nested; */ */
            -- compare: time only
            SELECT now(); values (1), (2)
            ;
            -- NAME: last
            (select 1 order by 1)
            """);

    assertThat(queries)
        .containsExactly(
            new QuerySpec(
                "top buyers",
                4,
                "select buyer, sum(total)\n  from orders group by 1 order by 2 desc limit 10",
                false,
                true),
            new QuerySpec("line 9", 9, "SELECT now()", true, false),
            new QuerySpec("line 9 (2)", 9, "values (1), (2)", false, false),
            new QuerySpec("last", 12, "(select 1 order by 1)", false, false));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "select ';', 'it''s;', e'a\\';b', E'\\\\;', \"odd;\"\"name\" from t",
        "select $$;$$, $tag$ $$;' $tag$, $körper$;$körper$",
        "select 1 -- a comment; it's\n, 2 /* another; ' /* inner; */ ; */ , 3",
        "select '\\', 1",
        "select x'1F', b'01', U&'\\0441;', n';'",
        "select a[1:2], (b).c, '{\";\"}'::json ? ';' from t",
        "with a as (select 1 order by 1), b as (table a) select * from b",
        "select e from e where e='x;'",
        "select $a$;$a$ || name$1 from t as name$1",
      })
  void endsAStatementAtItsOwnSemicolonOnly(String sql) {
    List<QuerySpec> queries = QueryFile.parse(sql + ";\n-- name: next\nselect 2;");

    assertThat(queries).hasSize(2);
    assertThat(queries.get(0).sql()).isEqualTo(sql);
    assertThat(queries.get(1).sql()).isEqualTo("select 2");
  }

  @Test
  void knowsWhichQueriesSayAnOrderOfTheirOwn() {
    assertThat(ordered("select a from t order by a")).isTrue();
    assertThat(ordered("select 1 union select 2 ORDER  /* x */  BY 1")).isTrue();
    assertThat(ordered("select array_agg(a order by a) from t")).isFalse();
    assertThat(ordered("select rank() over (order by a) from t")).isFalse();
    assertThat(ordered("select 'order by' from t")).isFalse();
    assertThat(ordered("select \"order\", by from t")).isFalse();
  }

  @Test
  void takesNoMarkOfAQueryThatStandsInComments() {
    List<QuerySpec> queries =
        QueryFile.parse(
            """
            -- name: q1
            -- compare: time only
            -- select * from t where id = $1;

            select 1;
            """);

    assertThat(queries).containsExactly(new QuerySpec("line 5", 5, "select 1", false, false));
  }

  @Test
  void saysEveryMistakeAtOnce() {
    assertThat(
            mistakes(
                """
                delete from orders;
                select $1;
                -- name: twice
                select 1;
                -- name: twice
                select 2;
                -- compare: sometimes
                select 3;
                \\timing
                select (4;
                """))
        .containsExactly(
            "1: expected a query: it begins with SELECT, WITH, VALUES or TABLE.",
            "2: holds the placeholder $1: write a value instead.",
            "6: the name 'twice' stands here a second time.",
            "8: expected `-- compare: time only`, found 'sometimes'.",
            "9: a backslash stands here: commands of psql are not read, only SQL.",
            "9: a bracket is not closed.",
            "9: expected a query: it begins with SELECT, WITH, VALUES or TABLE.");
  }

  @Test
  void hidesNoStatementBehindWhatOnlyLooksLikeACommentOrAQuote() {
    assertThat(mistakes("select 1 -- a\r; commit; drop table t; select 2;"))
        .filteredOn(mistake -> mistake.contains("expected a query"))
        .hasSize(2);
    assertThat(mistakes("select 1 as €$$; commit; drop table t; select 2 as €$$;"))
        .filteredOn(mistake -> mistake.contains("expected a query"))
        .hasSize(2);
    assertThat(QueryFile.parse("select 1;\r-- note\rselect 2;\r\nselect 3;")).hasSize(3);
  }

  @Test
  void refusesWhatIsNotClosed() {
    assertThat(mistakes("select 1;\nselect 'a\n;")).contains("2: a quote is not closed.");
    assertThat(mistakes("select $x$ a;")).contains("1: a quote $x$ is not closed.");
    assertThat(mistakes("select 1 /* /* */")).contains("1: a comment is not closed.");
  }

  @Test
  void isBounded() {
    assertThat(mistakes("select 1;".repeat(101)))
        .contains("1: expected at most 100 queries, found 101.");
    assertThat(mistakes("-" + "-".repeat(70_000)))
        .containsExactly("1: expected at most 64 KB, found 68 KB.");
    assertThat(mistakes("  -- only words\n"))
        .containsExactly("1: expected queries, each with a semicolon behind it, found none.");
  }

  private static boolean ordered(String sql) {
    return QueryFile.parse(sql).get(0).ordered();
  }

  private static List<String> mistakes(String text) {
    InvalidRunbook invalid =
        catchThrowableOfType(InvalidRunbook.class, () -> QueryFile.parse(text));
    assertThat(invalid).isNotNull();
    return invalid.errors().stream().map(e -> e.line() + ": " + e.message()).toList();
  }
}
