package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an operator gets wrong is refused, or parks with its remedy and goes on once mended. */
@Needs({Program.PGBOUNCER, Program.TEMPORAL, Program.PG_DUMP})
class BadInputTest {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Pattern SQL = Pattern.compile("```sql\\n(.*?)```", Pattern.DOTALL);

  @TempDir Path directory;

  @Test
  void aRunbookWithFiveMistakesShowsFiveAndTheSameDatabaseTwiceIsRefused() throws IOException {
    Product product = new Product(directory, "127.0.0.1:1", Map.of(), List.of());
    Path five =
        write(
            "five",
            """
            name: Shop
            source: {postgres: {url: "postgresql://m@127.0.0.1:5431/shop"}, adresses: [192.0.2.1]}
            target: {postgres: {url: "postgresql://m:secret@127.0.0.1:5432/shop"}}
            connect: [manuel]
            replicate: {soak: soon}
            """);
    Path same =
        write(
            "same",
            """
            name: shop
            source: {postgres: {url: "postgresql://m@127.0.0.1:5431/shop"}}
            target: {postgres: {url: "postgresql://n@127.0.0.1:5431/shop"}}
            connect: [manual]
            """);

    Ran mistakes = product.run("plan", five.toString(), "--offline");
    assertThat(mistakes.exit()).isEqualTo(2);
    assertThat(mistakes.err().lines().filter(line -> line.matches(".*five\\.yaml:\\d+:\\d+: .*")))
        .as(mistakes.err())
        .hasSize(5);
    assertThat(mistakes.err())
        .contains("Did you mean 'addresses'?", "manual")
        .doesNotContain("secret@");

    Ran twice = product.run("plan", same.toString(), "--offline");
    assertThat(twice.exit()).isEqualTo(2);
    assertThat(twice.err()).contains("the target is the source (127.0.0.1:5431/shop)");
  }

  @Test
  void whatStandsInTheWayIsRefusedOrParksAndGoesOnOnceItIsMended() throws Exception {
    try (LabWorld world = LabWorld.build().pooled().withoutDns().start();
        LabMigration migration = new LabMigration(world, "bad")) {
      PostgresServer source = world.source();
      PostgresServer target = world.target();
      demandPasswordOfMover(target);
      Path secret = Files.writeString(directory.resolve("password"), "wrong");
      Path runbook = write("bad", runbook(world, "bad", secret));
      Product product = world.product();
      product.startWorker();

      Ran refused = product.run("plan", runbook.toString());
      assertThat(refused.exit()).isEqualTo(1);
      assertThat(refused.err())
          .contains("Cannot look at the databases", "password", "Fix: check the role");
      Files.writeString(secret, "right");

      source.execute(Shop.DATABASE, "CREATE TABLE public.keyless (a int)");
      target.execute(Shop.DATABASE, "CREATE TABLE public.leftover (a int)");
      try (Connection stray = source.connect(Shop.DATABASE, Shop.APPLICATION, null)) {
        assertThat(stray.isValid(1)).isTrue();
        Ran blocked = product.run("plan", runbook.toString());
        assertThat(blocked.exit()).as(blocked.out() + blocked.err()).isEqualTo(1);
        assertThat(blocked.out())
            .contains("keyless", "REPLICA IDENTITY FULL;")
            .contains("is not empty: it holds leftover")
            .contains("drop it, or move into an empty database")
            .containsPattern("BLOCKER writer-left-alone: shop_app at .*nothing makes it follow")
            .contains("WARNING workers: task queue whimbrel: fewer than two workers serve it (");
      }
      source.execute(Shop.DATABASE, "DROP TABLE public.keyless");
      target.execute(Shop.DATABASE, "DROP TABLE public.leftover");

      fillTheDisk(target);
      Ran started = product.run("start", runbook.toString());
      assertThat(started.exit()).as(started.out() + started.err()).isZero();
      awaitParked(migration, "53100", "give the server more disk");
      refusesASecondStart(world, product, runbook, secret);
      theCardAsksWhatTheServersAnswer(world, product, runbook);

      makeRoom(target);
      target.execute(Shop.DATABASE, "ALTER ROLE mover PASSWORD 'another'");
      retry(product);
      awaitParked(migration, "28P01", "check the role and the password");

      target.execute(Shop.DATABASE, "ALTER ROLE mover PASSWORD 'right' NOSUPERUSER");
      retry(product);
      awaitParked(migration, "42501", "grant what is missing");

      target.execute(Shop.DATABASE, "ALTER ROLE mover SUPERUSER");
      retry(product);
      MigrationStatus on =
          migration.await("the copy", LIMIT, status -> hasEnded(status, "replicate.schema"));
      assertThat(on.parked()).isEmpty();
    }
  }

  private void refusesASecondStart(LabWorld world, Product product, Path runbook, Path secret)
      throws IOException {
    Ran again = product.run("start", runbook.toString());
    assertThat(again.exit()).isEqualTo(1);
    assertThat(again.err())
        .contains("Cannot start bad: a migration of that name is running (NEEDS_HELP");

    Ran other = product.run("start", write("other", runbook(world, "other", secret)).toString());
    assertThat(other.exit()).isEqualTo(1);
    assertThat(other.err()).contains("BLOCKER").containsPattern("(?i)migration '?bad");
  }

  /** The card's SQL is run as it stands, on both servers. */
  private static void theCardAsksWhatTheServersAnswer(LabWorld world, Product product, Path runbook)
      throws Exception {
    Path card = runbook.resolveSibling("card.md");
    product.run("plan", runbook.toString(), "--offline", "--card", card.toString());
    Matcher sql = SQL.matcher(Files.readString(card));
    int asked = 0;
    int done = 0;
    while (sql.find()) {
      for (PostgresServer server : new PostgresServer[] {world.source(), world.target()}) {
        if (!sql.group(1).contains("whimbrel.authority")) {
          // What is for a disk that fills finds no slot yet.
          server.execute(Shop.DATABASE, sql.group(1));
          done++;
          continue;
        }
        try (Connection connection = server.connect(Shop.DATABASE);
            Statement statement = connection.createStatement();
            ResultSet row = statement.executeQuery(sql.group(1))) {
          assertThat(row.next()).isTrue();
          assertThat(row.getString("migration")).isEqualTo("bad");
          assertThat(row.getString("writable")).isEqualTo("source");
          assertThat(row.next()).isFalse();
          asked++;
        }
      }
    }
    assertThat(asked).isEqualTo(2);
    assertThat(done).isEqualTo(4);
  }

  private static void awaitParked(LabMigration migration, String state, String remedy) {
    MigrationStatus parked =
        migration.await(
            "parked for " + state,
            LIMIT,
            status ->
                status.state() == State.NEEDS_HELP
                    && status.parked().get(0).cause().contains(state));
    assertThat(parked.parked().get(0).remedy()).contains(remedy);
    assertThat(parked.nextSteps()).contains("whimbrel retry bad --step replicate.schema");
  }

  private static void retry(Product product) {
    Ran retried = product.run("retry", "bad", "--step", "replicate.schema");
    assertThat(retried.exit()).as(retried.err()).isZero();
  }

  private static boolean hasEnded(MigrationStatus status, String step) {
    return status.steps().stream().anyMatch(s -> s.id().equals(step) && s.ended() != null);
  }

  private static void demandPasswordOfMover(PostgresServer server) throws IOException {
    server.execute(
        Shop.DATABASE,
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE mover LOGIN SUPERUSER PASSWORD 'right'");
    Path rules = server.data().resolve("pg_hba.conf");
    Files.writeString(
        rules, "host all mover 127.0.0.1/32 scram-sha-256\n" + Files.readString(rules));
    server.execute(Shop.DATABASE, "SELECT pg_reload_conf()");
  }

  /** Answers whatever creates the service's tables as PostgreSQL answers on a full disk. */
  private static void fillTheDisk(PostgresServer server) {
    server.execute(
        "shop",
        """
        CREATE FUNCTION pg_catalog.no_space_left() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
          IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'public.%') THEN
            RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device';
          END IF;
        END $$""",
        "CREATE EVENT TRIGGER no_space_left ON ddl_command_end EXECUTE FUNCTION pg_catalog.no_space_left()");
  }

  private static void makeRoom(PostgresServer server) {
    server.execute(
        "shop", "DROP EVENT TRIGGER no_space_left", "DROP FUNCTION pg_catalog.no_space_left()");
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name + ".yaml"), text);
  }

  private static String runbook(LabWorld world, String name, Path secret) {
    return """
        name: %s
        source: {postgres: {url: "%s", storage: 10GB}}
        target:
          postgres: {url: "postgresql://mover@127.0.0.1:%d/shop", password: "file:%s", storage: 10GB}
        connect:
          - %s
        """
        .formatted(name, world.sourceUrl(), world.target().port(), secret, world.connectEntry());
  }
}
