package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyOut;

class SilentClientsTest {
  @Test
  void theServerEndsASessionWhoseClientReadsNoMore() throws Exception {
    try (PostgresServer server = PostgresServer.start(15);
        Connection frozen = server.connect("postgres")) {
      SilentClients.end(frozen, "3s");
      Verbatim.execute(
          frozen, "SET application_name = 'frozen'; SET client_connection_check_interval = '1s'");
      frozen.setAutoCommit(false);
      CopyOut unread =
          frozen
              .unwrap(PGConnection.class)
              .getCopyAPI()
              .copyOut("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 300000)) TO STDOUT");
      Wait.until(
          "it waits until it can send",
          Duration.ofSeconds(30),
          () -> sessions(server, "wait_event = 'ClientWrite'").equals("1"));

      Wait.until("it is gone", Duration.ofSeconds(30), () -> sessions(server, "true").equals("0"));
      assertThat(unread.isActive()).isTrue();
    }
  }

  private static String sessions(PostgresServer server, String which) throws Exception {
    return Pairs.value(
        server,
        "postgres",
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frozen' AND " + which);
  }
}
