package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.SmokeRequest;
import dev.whimbrel.runbook.CheckSpec;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.Percent;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RunChecksTest {
  private static final Duration SHORT = Duration.ofMillis(900);

  private static PostgresServer database;

  private HttpServer service;
  private volatile int status = 200;

  @BeforeAll
  static void startDatabase() {
    database = PostgresServer.start(16);
    database.execute("postgres", "create table orders (id int)", "insert into orders values (1)");
  }

  @AfterAll
  static void stopDatabase() {
    database.close();
  }

  @BeforeEach
  void startService() throws IOException {
    service = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    service.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(status, -1);
          exchange.close();
        });
    service.start();
  }

  @AfterEach
  void stopService() {
    service.stop(0);
  }

  @Test
  void passesWhenEveryCheckIsGreen() {
    assertThat(
            smoke(
                    http("target", Duration.ofSeconds(5)),
                    sql("select count(*) > 0 from orders"),
                    command("true"))
                .line())
        .isEqualTo("3 checks green");
  }

  @Test
  void namesEveryCheckThatIsNotGreen() {
    status = 503;

    assertThatThrownBy(
            () ->
                smoke(
                    http("target", Duration.ofSeconds(5)),
                    sql("select count(*) > 1 from orders"),
                    sql("select 1, 2"),
                    sql("select true where false"),
                    sql("insert into orders values (2) returning true"),
                    command("true"),
                    command("false")))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP))
        .hasMessageContaining("6 of 7 checks were not green: ")
        .hasMessageContaining(
            "/healthz via target: 127.0.0.1: expected status 200, found 503 | select")
        .hasMessageContaining("select count(*) > 1 from orders: expected true, found f |")
        .hasMessageContaining("select 1, 2: expected one value, found 2 columns |")
        .hasMessageContaining("select true where false: expected true, found no row |")
        .hasMessageContaining("cannot execute INSERT in a read-only transaction |")
        .hasMessageContaining("false: ended with 1, without output");
  }

  @Test
  void asksAgainWhileTheServiceIsStillConnecting() {
    status = 503;
    List<Progress> heartbeats = new CopyOnWriteArrayList<>();
    RunChecks checks =
        checks(
            progress -> {
              heartbeats.add(progress);
              status = heartbeats.size() > 1 ? 200 : 503;
            });

    assertThat(checks.smoke(request(http("target", Duration.ofSeconds(20)))).line())
        .isEqualTo("1 check green");
    assertThat(heartbeats).hasSizeGreaterThan(1);
  }

  @Test
  void saysThatASideHasNoAddresses() {
    assertThatThrownBy(() -> smoke(http("source", SHORT)))
        .hasMessageContaining("the runbook gives no addresses under source.addresses");
  }

  @Test
  void endsAtOnceWhenItIsCancelled() {
    RunChecks checks =
        checks(
            progress -> {
              throw new CancellationException("cancelled");
            });
    long start = System.nanoTime();

    assertThatThrownBy(() -> checks.smoke(request(command("sleep", "60"))))
        .isInstanceOf(CancellationException.class);
    assertThatThrownBy(() -> checks.awaitBreach(guard(null, null)))
        .isInstanceOf(CancellationException.class);

    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
  }

  @Test
  void returnsTheBreachOfAGuard() {
    List<Progress> heartbeats = new CopyOnWriteArrayList<>();
    RunChecks checks =
        checks(
            progress -> {
              heartbeats.add(progress);
              if (progress.heldSince() != null) {
                status = 503;
              }
            });

    Breach breach = checks.awaitBreach(guard(null, null));

    assertThat(breach.guard()).isEqualTo(3);
    assertThat(breach.line())
        .matches("\\d+ of \\d+ failed.* in 2 s, allowed 1%; the last: status 503");
    assertThat(heartbeats.get(0).line()).startsWith("guard 3: not known: 0 of ");
    assertThat(heartbeats)
        .allMatch(progress -> progress.lastLooked() != null || heartbeats.indexOf(progress) == 0);
  }

  @Test
  void knowsNothingWhenTheControlProbeFailsToo() {
    status = 503;
    List<Progress> heartbeats = new CopyOnWriteArrayList<>();
    RunChecks checks =
        checks(
            progress -> {
              heartbeats.add(progress);
              if (heartbeats.size() > 100) {
                throw new CancellationException("seen enough");
              }
            });

    assertThatThrownBy(() -> checks.awaitBreach(guard(null, "http://127.0.0.1:1/")))
        .isInstanceOf(CancellationException.class);

    assertThat(heartbeats.get(heartbeats.size() - 1).line())
        .startsWith("guard 3: not known: 0 of 0 failed, ")
        .endsWith(" more not known since the control probe failed too");
  }

  @Test
  void watchesAQueryOnTheSideThatTakesTheWrites() {
    database.execute(
        "postgres",
        "create schema if not exists whimbrel",
        "create table whimbrel.authority as select 'shop' as migration, 'target' as side,"
            + " 'target' as writable, 2::bigint as epoch, null::uuid as marker,"
            + " null::pg_lsn as losing_lsn, null as fingerprint, true as can_go_back,"
            + " null as note, now() as changed_at");

    Breach breach =
        checks(progress -> {}).awaitBreach(guard("select count(*) > 5 from orders", null));

    assertThat(breach.line()).contains("the last: expected true, found f");
  }

  @Test
  void refusesAGuardThatCouldNeverAct() {
    GuardSpec guard =
        new GuardSpec(
            "http://127.0.0.1/",
            null,
            null,
            null,
            new Percent(0.01),
            null,
            Duration.ofSeconds(20),
            Duration.ofSeconds(1),
            null,
            null,
            "ask");

    assertThatThrownBy(
            () ->
                checks(progress -> {})
                    .awaitBreach(new GuardRequest(move(), guard, 1, List.of(), List.of())))
        .hasMessageContaining(
            "guard 1 can never act: 'over' 20s holds fewer than 30 samples at an interval of 1s");
  }

  private GuardRequest guard(@Nullable String sql, @Nullable String control) {
    return new GuardRequest(
        move(),
        new GuardSpec(
            sql == null ? url("127.0.0.1") : null,
            sql,
            null,
            null,
            new Percent(0.01),
            null,
            Duration.ofSeconds(sql == null ? 2 : 30),
            Duration.ofMillis(20),
            control,
            null,
            "ask"),
        3,
        List.of(),
        List.of());
  }

  private Outcome smoke(CheckSpec... checks) {
    return checks(progress -> {}).smoke(request(checks));
  }

  private SmokeRequest request(CheckSpec... checks) {
    return new SmokeRequest(move(), List.of(checks), List.of(), List.of("127.0.0.1"));
  }

  private static RunChecks checks(Consumer<Progress> heartbeat) {
    return new RunChecks(
        (SSLSocketFactory) SSLSocketFactory.getDefault(),
        new Secrets(Map.of()),
        heartbeat,
        Clock.systemUTC());
  }

  private CheckSpec http(String via, Duration timeout) {
    return new CheckSpec(url("shop.example.com"), 200, via, null, null, timeout);
  }

  private static CheckSpec sql(String query) {
    return new CheckSpec(null, null, null, query, null, SHORT);
  }

  private static CheckSpec command(String... command) {
    return new CheckSpec(null, null, null, null, List.of(command), Duration.ofSeconds(30));
  }

  private String url(String host) {
    return "http://" + host + ":" + service.getAddress().getPort() + "/healthz";
  }

  private static Move move() {
    PostgresSpec target = new PostgresSpec(database.url("postgres"), null, null, null);
    PostgresSpec source =
        new PostgresSpec("postgresql://postgres@127.0.0.1:1/shop", null, null, null);
    return new Move("shop", source, target, List.of(), List.of(), 1, Duration.ofSeconds(1));
  }
}
