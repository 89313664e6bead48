package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SchemaSessionTest {
  private static Pairs pair;

  private final Databases databases = new Databases(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void isBoundByNoSettingOfItsDatabase() throws Exception {
    Move move = pair.database("bound");
    for (String setting :
        List.of(
            "transaction_timeout = '5s'",
            "statement_timeout = '5s'",
            "lock_timeout = '5s'",
            "idle_in_transaction_session_timeout = '5s'",
            "idle_session_timeout = '5s'",
            "default_transaction_read_only = on",
            "search_path = elsewhere")) {
      pair.target().execute("postgres", "ALTER DATABASE bound SET " + setting);
    }

    try (SchemaSession session = SchemaSession.open(databases, move, "schema")) {
      assertThat(
              Answers.text(
                  session.connection(),
                  "SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings"
                      + " WHERE name ~ '^(transaction|statement|lock|idle_session|idle_in_.*)_timeout$'"
                      + " OR name IN ('default_transaction_read_only', 'search_path')"))
          .isEqualTo(
              "default_transaction_read_only off, idle_in_transaction_session_timeout 0,"
                  + " idle_session_timeout 0, lock_timeout 60000, search_path \"\","
                  + " statement_timeout 0, transaction_timeout 0");
    }
  }

  @Test
  void passesOverWhatIsRefusedAndFailsOfAnythingElse() throws Exception {
    Move move = pair.database("tried");
    pair.target().execute("tried", "CREATE TABLE t ()");
    try (SchemaSession session = SchemaSession.open(databases, move, "schema");
        Connection other = pair.target().connect("tried")) {
      session.execute("CREATE ROLE half");

      assertThat(session.attempt("GRANT nobody TO half", () -> true)).isFalse();
      assertThat(session.attempt("GRANT half TO half", () -> true)).isFalse();
      assertThat(session.attempt("COMMENT ON ROLE half IS 'whole'", () -> true)).isTrue();
      assertThatThrownBy(
              () ->
                  session.attempt(
                      "DO $$ BEGIN RAISE 'tuple concurrently updated' USING ERRCODE = 'XX000'; END $$",
                      () -> true))
          .hasMessageContaining("tuple concurrently updated");
      session.connection().rollback();

      other.setAutoCommit(false);
      Answers.text(other, "SELECT count(*) FROM t");
      session.execute("SET lock_timeout = '100ms'");
      assertThatThrownBy(() -> session.attempt("DROP TABLE public.t", () -> true))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("55P03"));
    }
  }
}
