package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.TemporalServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * A world under load with a worker in it, whose service is sent on its way again and again: by the
 * real commands, on the real Temporal.
 */
final class Journey implements AutoCloseable {
  static final Duration LIMIT = Duration.ofMinutes(4);
  private static final int WRITERS = 8;
  private static final int WRITES_PER_SECOND = 200;
  private static final int TTL = 3;

  /** Everything of Whimbrel's that a server can hold. */
  private static final List<String> LEFTOVERS =
      List.of(
          "SELECT 'slot ' || slot_name FROM pg_replication_slots",
          "SELECT 'subscription ' || subname FROM pg_subscription",
          "SELECT 'publication ' || pubname FROM pg_publication",
          "SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'whimbrel%'",
          "SELECT 'database ' || datname FROM pg_database WHERE datname LIKE 'whimbrel%'",
          "SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'whimbrel%'",
          "SELECT 'trigger ' || tgname || ' of ' || tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'whimbrel%'",
          "SELECT 'origin ' || roname FROM pg_replication_origin");

  private final LabWorld world;
  private final Ledger ledger = new Ledger();
  private final LabMigration migration;
  private final Door door;
  private final Writers writers;
  private final String name;
  private final Map<String, String> environment;
  private ChildProcess worker;

  private Journey(LabWorld world, String name, Duration copy, Map<String, String> environment) {
    this.world = world;
    this.name = name;
    if (!copy.isZero()) {
      slowTheCopyDown(world.source(), copy);
    }
    migration = new LabMigration(world, name);
    this.environment = environment;
    worker = world.product().startWorker(environment);
    door = new Door(world::connectAsShop);
    writers = Writers.start(ledger, door, WRITERS, WRITES_PER_SECOND);
  }

  /**
   * A world under load.
   *
   * @param copy how long the copy takes at least; {@link Duration#ZERO} for as long as it takes
   */
  static Journey begin(LabWorld.Builder plan, String name, Duration copy) {
    return begin(plan, name, copy, Map.of());
  }

  /**
   * As {@link #begin(LabWorld.Builder, String, Duration)}.
   *
   * @param environment settings of its workers
   */
  static Journey begin(
      LabWorld.Builder plan, String name, Duration copy, Map<String, String> environment) {
    LabWorld world = plan.onRealTemporal().start();
    boolean complete = false;
    try {
      Journey journey = new Journey(world, name, copy, environment);
      complete = true;
      return journey;
    } finally {
      if (!complete) {
        world.close();
      }
    }
  }

  /** A table whose every row waits for two milliseconds wherever it is inserted from now on. */
  static void slowTheCopyDown(PostgresServer source, Duration copy) {
    String check =
        "CREATE OR REPLACE FUNCTION unhurried(n int) RETURNS boolean LANGUAGE plpgsql AS ";
    source.execute(
        Shop.DATABASE,
        "SET ROLE " + Shop.OWNER,
        check + "'BEGIN RETURN true; END'",
        "CREATE TABLE slow_to_copy (n int PRIMARY KEY CHECK (public.unhurried(n)))",
        "INSERT INTO slow_to_copy SELECT generate_series(1, " + copy.toMillis() / 2 + ")",
        check + "'BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN true; END'");
  }

  LabWorld world() {
    return world;
  }

  TemporalServer temporal() {
    return world.temporal().server().orElseThrow();
  }

  /** Kills the worker's process group with SIGKILL and waits until it is gone. */
  void killWorker() {
    worker.signalGroup("KILL");
    worker.awaitExit(Duration.ofSeconds(10));
  }

  /** The worker that runs now. */
  ChildProcess worker() {
    return worker;
  }

  void startWorker() {
    worker = world.product().startWorker(environment);
  }

  void killAndReplaceWorker() {
    killWorker();
    startWorker();
  }

  /** {@code whimbrel start} with this runbook. */
  void start(LabRunbook runbook) {
    start(world.write(runbook));
  }

  /** The same, with a check of the validation that cannot be met. */
  void startBoundToPark(LabRunbook runbook) {
    startChanged(runbook, Map.of("count(*) > 0 FROM orders", "count(*) < 0 FROM orders"));
  }

  /** The same, with a check of the validation that takes long enough for everybody to see it. */
  void startWithLongValidation(LabRunbook runbook) {
    startChanged(
        runbook, Map.of("count(*) > 0 FROM orders", "count(*) > 0 FROM orders, pg_sleep(10)"));
  }

  /** The same, with parts of the runbook's text replaced. */
  void startChanged(LabRunbook runbook, Map<String, String> changes) {
    Path file = world.write(runbook);
    try {
      String text = Files.readString(file);
      for (Map.Entry<String, String> change : changes.entrySet()) {
        assertThat(text).contains(change.getKey());
        text = text.replace(change.getKey(), change.getValue());
      }
      start(Files.writeString(file, text));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void start(Path file) {
    run("start", file.toString());
  }

  private void run(String... command) {
    Ran ran = world.product().run(command);
    assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
  }

  /** Waits until the migration has begun a step, however short it is. */
  void awaitStep(String step) {
    await(step, status -> status.steps().stream().anyMatch(each -> each.id().equals(step)));
  }

  void await(String what, Predicate<MigrationStatus> wanted) {
    MigrationStatus unused = migration.await(what, LIMIT, wanted);
  }

  /** {@code whimbrel approve}. */
  void approve() {
    run("approve", name, "--by", "ana@example.com", "--yes");
  }

  /** {@code whimbrel skip} of a step that is parked. */
  void skip(String step) {
    run("skip", name, "--step", step, "--by", "ana@example.com", "--reason", "a test");
  }

  /** Pauses without the time that a command takes to start. */
  void pause() {
    migration.pause();
  }

  /** {@code whimbrel resume}. */
  void resume() {
    run("resume", name, "--by", "ana@example.com");
  }

  /** What every writer comes in by. */
  Door door() {
    return door;
  }

  /** {@code whimbrel rollback}. */
  Ran rollBackByCommand() {
    return world.product().run("rollback", name, "--yes", "--reason", "the test says so");
  }

  /** The same as a signal that Temporal's own command line sends. */
  void rollBackBySignal(String... input) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "workflow",
                "signal",
                "-w",
                MigrationWorkflow.ID_PREFIX + name,
                "--name",
                "rollback"));
    command.addAll(List.of(input));
    String unused = temporal().cli(command.toArray(String[]::new));
  }

  MigrationStatus status() {
    return migration.status();
  }

  /** The phase, the step and the state, for messages. */
  String whereItIs() {
    MigrationStatus now = migration.status();
    return now.step() + " " + now.state();
  }

  void awaitAcknowledged(int more) {
    long before = ledger.acknowledged();
    Poll.until(more + " writes", LIMIT, () -> ledger.acknowledged() >= before + more);
  }

  MigrationStatus awaitEnd() {
    return migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
  }

  /** Waits for the end and holds the world against the promise of a rollback. */
  MigrationStatus assertRolledBackWhole() throws SQLException {
    MigrationStatus end = awaitEnd();
    assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
    assertThat(end.writesGoTo()).as(LabMigration.summary(end)).isEqualTo("source");
    assertWholeOnTheSource(LabMigration.summary(end));
    return end;
  }

  private void assertWholeOnTheSource(String story) throws SQLException {
    awaitAcknowledged(100);
    assertThat(found(world.source(), LEFTOVERS)).as("left on the source\n" + story).isEmpty();
    assertThat(found(world.target(), LEFTOVERS)).as("left on the target\n" + story).isEmpty();
    assertThat(
            found(
                world.target(),
                List.of(
                    "SELECT 'table ' || oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace")))
        .as("left on the target\n" + story)
        .isEmpty();
    if (world.hasDns()) {
      assertThat(world.serviceAddress()).as(story).isEqualTo(LabWorld.SOURCE_ADDRESS);
      assertThat(world.dns().records(LabWorld.NAME, "A").get(0).getTTL()).as(story).isEqualTo(TTL);
    }
  }

  /** Waits for the end and expects the service on the target; the tail has seen everybody leave. */
  MigrationStatus assertMigrated() {
    MigrationStatus end = awaitEnd();
    assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
    assertThat(end.writesGoTo()).as(LabMigration.summary(end)).isEqualTo("target");
    awaitAcknowledged(100);
    return end;
  }

  /** What a step says that it has done; empty where it has not ended. */
  static String outcome(MigrationStatus status, String step) {
    return status.steps().stream()
        .filter(each -> each.id().equals(step))
        .map(each -> String.valueOf(each.outcome()))
        .findFirst()
        .orElse("");
  }

  /** Ends the load and holds the ledger against the side that is the truth. */
  Judgement judge(boolean onTarget) throws SQLException {
    writers.close();
    Judgement judgement = onTarget ? world.judgeTarget(ledger) : world.judgeSource(ledger);
    assertThat(judgement.wrongs()).isEmpty();
    assertThat(judgement.acknowledged()).isPositive();
    return judgement;
  }

  private static List<String> found(PostgresServer server, List<String> queries)
      throws SQLException {
    List<String> found = new ArrayList<>();
    try (Connection database = server.connect(Shop.DATABASE);
        Statement statement = database.createStatement()) {
      for (String query : queries) {
        try (ResultSet rows = statement.executeQuery(query)) {
          while (rows.next()) {
            found.add(rows.getString(1));
          }
        }
      }
    }
    return found;
  }

  @Override
  public void close() {
    writers.close();
    migration.close();
    world.close();
  }
}
