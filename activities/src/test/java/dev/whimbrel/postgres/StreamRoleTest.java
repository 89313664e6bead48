package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Whom the source's pg_hba.conf turns away. */
@Needs(Program.PG_DUMP)
class StreamRoleTest {
  private static Pairs pair;

  @BeforeAll
  static void startServers() throws Exception {
    pair = Pairs.of(15, 16);
    pair.source().execute("postgres", "CREATE ROLE nobody LOGIN");
    pair.source()
        .execute(
            "postgres",
            """
            DO $$ BEGIN EXECUTE format('COPY (SELECT unnest(ARRAY[
              ''host all nobody,whimbrel_one,whimbrel_three$forward_2 127.0.0.1/32 reject'',
              ''host all all 127.0.0.1/32 trust''])) TO %L', current_setting('hba_file')); END $$""",
            "SELECT pg_reload_conf()");
    Wait.until("pg_hba.conf is read again", Duration.ofSeconds(20), StreamRoleTest::isTurnedAway);
  }

  private static boolean isTurnedAway() {
    try (Connection connection = pair.source().connect("postgres", "nobody", null)) {
      return connection.isClosed();
    } catch (SQLException e) {
      return true;
    }
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void saysThatARoleOfTheMigrationCouldNotLogIn() throws Exception {
    Move move = pair.database("one");
    PostgresReplication replication = new PostgresReplication(new Secrets());
    pair.source().execute("one", "CREATE TABLE t (id int PRIMARY KEY)");
    pair.target().execute("one", "CREATE TABLE t (id int PRIMARY KEY)");

    assertThat(replication.subscribe(move).line())
        .isEqualTo(
            "1 tables subscribed, the stream runs as postgres; whimbrel_one could not log in: where the source's pg_hba.conf names roles one by one, each of the migration's own needs a line");
    replication.unsubscribe(move);
  }

  @Test
  void saysItOfOneOfSeveralStreams() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "three", move -> move.sharedBy(3))) {
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(1);
      shop.copy.finishCopy(shop.move);

      assertThat(shop.replication.subscribe(shop.move).line())
          .isEqualTo(
              "10 tables subscribed by 3 streams, which run as postgres, whimbrel_three$forward_1, whimbrel_three$forward_3; whimbrel_three$forward_2 could not log in: where the source's pg_hba.conf names roles one by one, each of the migration's own needs a line");
    }
  }
}
