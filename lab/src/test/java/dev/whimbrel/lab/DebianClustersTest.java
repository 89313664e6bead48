package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.Ports;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two clusters made by Debian's own PostgreSQL 15 ({@code apt-get install -y postgresql-15}), with
 * passwords, waiting for their disks, the documented grants and a runbook written by hand: the way
 * a user does it, without anything of the lab's servers.
 */
@Tag("campaign")
@Needs({Program.PGBOUNCER, Program.TEMPORAL, Program.PSQL})
class DebianClustersTest {
  private static final Path BIN = Path.of("/usr/lib/postgresql/15/bin");
  private static final String SECRET = "correct-horse";
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir(cleanup = CleanupMode.NEVER)
  private Path directory;

  private final int sourcePort = Ports.free();
  private final int targetPort = Ports.free();

  @BeforeEach
  void makeClusters() throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    for (int port : List.of(sourcePort, targetPort)) {
      make(port);
    }
  }

  @AfterEach
  void stopClusters() throws Exception {
    for (int port : List.of(sourcePort, targetPort)) {
      asPostgres(BIN + "/pg_ctl", "-D", data(port), "-m", "immediate", "stop");
    }
  }

  @Test
  void startWatchMovesTwoClustersMadeElsewhere() throws Exception {
    prepareShop();
    Path runbook = directory.resolve("shop.yaml");
    Ledger ledger = new Ledger();
    try (PgBouncer pooler = PgBouncer.to(sourcePort, "shop").user("shop_app", SECRET).start();
        LabTemporal temporal = LabTemporal.real()) {
      Files.writeString(runbook, runbook(pooler));
      Product product =
          new Product(directory, temporal.target(), Map.of("MIGRATOR_PASSWORD", SECRET), List.of());
      Place place = Place.at(pooler.jdbcUrl(), "shop_app");
      product.startWorker();
      try (Writers writers = Writers.start(ledger, place, 8, Integer.getInteger("rate", 1_000));
          LabMigration migration = new LabMigration(temporal.target(), "shop")) {
        Poll.until("the first writes", LIMIT, () -> ledger.acknowledged() > 500);
        long began = System.nanoTime();

        Ran ran = product.run(LIMIT, "start", runbook.toString(), "--watch");

        assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
        System.out.println(
            PauseFigures.of(
                migration.await("the end", LIMIT, status -> status.state() == State.ENDED),
                ledger,
                began));
        writers.reconnect();
      }
    }

    assertThat(ledger.errors()).isEmpty();
    try (Connection target = connect(targetPort, "shop", "postgres")) {
      Judgement judgement = ledger.judge(target);
      System.out.println(judgement);
      assertThat(judgement.wrongs()).isEmpty();
    }
  }

  private String runbook(PgBouncer pooler) {
    return """
    name: shop
    service: shop
    source:
      postgres:
        url: postgresql://migrator@127.0.0.1:%d/shop
        password: env:MIGRATOR_PASSWORD
    target:
      postgres:
        url: postgresql://migrator@127.0.0.1:%d/shop
        password: env:MIGRATOR_PASSWORD
        storage: 10GB
    connect:
      - pgbouncer: {admin: "%s", database: shop, switch: {file: "%s"}}
    replicate: {jobs: 2, soak: 5s, maxLag: 1s}
    validate:
      smoke:
        - {sql: "SELECT count(*) > 0 FROM orders"}
    cutover: {approval: none, monitor: 3s}
    rollback: {window: 5s}
    decommission: {approval: none}
    """
        .formatted(sourcePort, targetPort, pooler.adminUrl(), pooler.iniFile());
  }

  private void prepareShop() throws Exception {
    for (int port : List.of(sourcePort, targetPort)) {
      try (Connection admin = connect(port, "postgres", "postgres");
          Statement statement = admin.createStatement()) {
        // Before 16 only a superuser may subscribe.
        for (String role : List.of("shop_owner", "shop_app", "migrator SUPERUSER")) {
          statement.execute("CREATE ROLE " + role + " LOGIN PASSWORD '" + SECRET + "'");
        }
        statement.execute("CREATE DATABASE shop OWNER shop_owner");
      }
    }
    try (Connection owner = connect(sourcePort, "shop", "shop_owner");
        Statement statement = owner.createStatement()) {
      statement.execute(Shop.script());
    }
    grant(sourcePort, "grants-source.sql");
    grant(targetPort, "grants-target.sql");
  }

  private void grant(int port, String file) throws Exception {
    run(
        List.of(
            Program.PSQL.path().toString(),
            "postgresql://postgres:%s@127.0.0.1:%d/shop".formatted(SECRET, port),
            "-v",
            "role=migrator",
            "-v",
            "owner=shop_owner",
            "-f",
            Repository.here().path("deploy/sql/" + file).toString()));
  }

  private Connection connect(int port, String database, String role) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + port + "/" + database, role, SECRET);
  }

  private void make(int port) throws Exception {
    Path password = directory.resolve("password");
    Files.writeString(password, SECRET + "\n");
    asPostgres(
        BIN + "/initdb",
        "-D",
        data(port),
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        "--pwfile=" + password,
        "--encoding=UTF8",
        "--locale=C.UTF-8");
    Files.writeString(
        Path.of(data(port), "postgresql.auto.conf"),
        "port = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nwal_level = logical\n"
            .formatted(port));
    asPostgres(BIN + "/pg_ctl", "-D", data(port), "-w", "-l", data(port) + ".log", "start");
  }

  private String data(int port) {
    return directory.resolve("cluster-" + port).toString();
  }

  private void asPostgres(String... command) throws Exception {
    List<String> all = new ArrayList<>();
    if ("root".equals(System.getProperty("user.name"))) {
      all.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
    }
    all.addAll(List.of(command));
    run(all);
  }

  private void run(List<String> command) throws IOException, InterruptedException {
    Path log = directory.resolve("commands.log");
    int exit =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start()
            .waitFor();
    assertThat(exit).as("%s%n%s", command.get(0), Files.readString(log)).isZero();
  }
}
