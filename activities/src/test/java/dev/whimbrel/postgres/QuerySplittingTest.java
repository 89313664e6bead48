package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.QueryFile;
import dev.whimbrel.runbook.QuerySpec;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.core.NativeQuery;
import org.postgresql.core.Parser;

/** The driver splits too, and would send what it takes for two statements as two. */
class QuerySplittingTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "select 1; select 2;",
        "select ';', 'it''s;', e'a\\';b', \"odd;\"\"name\" from t; select 2",
        "select $$;$$, $tag$ $$;' $tag$, $x$;$x$; select 2",
        "select 1 -- a comment; it's\n, 2 /* another; ' /* inner; */ ; */ , 3; select 2",
        "select '\\', 1; select 2",
        "select a[1:2], (b).c, '{\";\"}'::json from t; select 2",
        "select name$1 from t as name$1; select 2",
        "select 1 -- a\r, 2; select 3",
        "select 1 as €$$; select 2 as €$$",
        "with a as (select ';' order by 1) table a; values (1), (2)",
      })
  void cutsWhereTheDriverCuts(String sql) throws Exception {
    List<NativeQuery> expected = Parser.parseJdbcSql(sql, true, false, true, false, true);

    List<QuerySpec> queries = QueryFile.parse(sql);

    assertThat(queries.stream().map(QuerySpec::sql).toList())
        .isEqualTo(
            expected.stream().map(query -> query.nativeSql.strip().replace('\r', '\n')).toList());
    for (QuerySpec query : queries) {
      assertThat(Parser.parseJdbcSql(query.sql(), true, false, true, false, true)).hasSize(1);
    }
  }
}
