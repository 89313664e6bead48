package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ClientsTest {
  @Test
  void asksAPersonWhenNobodyHasWrittenOnTheTargetForMinutes() throws Exception {
    try (Pairs pair =
        new Pairs(PostgresServer.version(16).start(), PostgresServer.version(16).start())) {
      pair.source().createDatabase("shop");
      pair.target().createDatabase("shop");
      pair.target().execute("shop", "CREATE ROLE reader LOGIN");
      Clients clients = new Clients(new Databases(new Secrets()), pair.move("shop"), Pace.USUAL);

      ApplicationFailure soon;
      ApplicationFailure late;
      try (Pulse pulse = new Pulse("waiting");
          Connection reader = pair.target().connect("shop")) {
        reader.createStatement().execute("SET application_name = 'dashboard'");
        soon = failure(clients, pulse, Duration.ofSeconds(20));
        late = failure(clients, pulse, Duration.ofSeconds(150));
      }

      assertThat(soon.getType()).isEqualTo(Failures.NOT_YET);
      assertThat(late.getType()).isEqualTo(Failures.NEEDS_HELP);
      assertThat(late.getOriginalMessage())
          .startsWith("No application has written on the target for 2 minutes; connected to")
          .contains("(dashboard)");
    }
  }

  private static ApplicationFailure failure(Clients clients, Pulse pulse, Duration waited) {
    return catchThrowableOfType(
        ApplicationFailure.class, () -> clients.awaitFirstWrites(pulse, waited));
  }
}
