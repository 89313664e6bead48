package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.runbook.QueryFile;
import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExpensiveQueriesTest {
  @ParameterizedTest
  @ValueSource(ints = {13, 15, 18})
  void proposesWhatTheSourceSpentItsTimeOnAndNothingThatWrites(int version) throws Exception {
    try (PostgresServer server =
        PostgresServer.version(version)
            .set("shared_preload_libraries", "pg_stat_statements")
            .start()) {
      server.createDatabase("shop");
      assertThat(propose(server, "postgres").findings().get(0).line())
          .contains("the source counts no statements");

      server.execute(
          "shop",
          "CREATE SCHEMA \"Odd\"",
          "CREATE EXTENSION pg_stat_statements SCHEMA \"Odd\"",
          "CREATE TABLE orders (id int, secret text)",
          "INSERT INTO orders VALUES (1, 'hush')",
          "SELECT count(*) FROM orders WHERE secret = 'hush'",
          "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
          "SELECT id FROM orders FOR UPDATE",
          "SELECT relname FROM pg_class",
          "SELECT sum(id) FROM orders -- all of them",
          "TABLE orders",
          "/* app:shop */ -- name: GetOrder :one\nSELECT max(id) FROM orders",
          "CREATE ROLE weak LOGIN",
          "GRANT USAGE ON SCHEMA \"Odd\" TO weak");

      QueryProposal proposal = propose(server, "postgres");

      assertThat(proposal.findings()).isEmpty();
      assertThat(proposal.text())
          .contains("-- SELECT count(*) FROM orders WHERE secret = $1;")
          .contains("\nSELECT sum(id) FROM orders -- all of them\n;")
          .contains("\nTABLE orders;")
          .doesNotContain("hush", "DELETE", "FOR UPDATE", "pg_class");
      assertThat(QueryFile.parse(Objects.requireNonNull(proposal.text())))
          .extracting(QuerySpec::sql)
          .containsExactlyInAnyOrder(
              "SELECT sum(id) FROM orders -- all of them",
              "SELECT max(id) FROM orders",
              "TABLE orders");
      assertThat(propose(server, "weak").findings().get(0).line())
          .contains("of no query that only reads may this role see the text")
          .contains("GRANT pg_read_all_stats TO weak;");
    }
  }

  private static QueryProposal propose(PostgresServer server, String role) throws Exception {
    try (Connection source = server.connect("shop", role, null)) {
      return new ExpensiveQueries(source).propose();
    }
  }
}
