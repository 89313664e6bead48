package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.activity.SuiteRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.SuiteSpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import javax.net.ssl.SSLSocketFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SuiteRunTest {
  private static final String URL =
      "postgresql://migrator@db.new.example.com:6543/shop?sslmode=verify-full&sslrootcert=/ca.pem";
  private static final Secrets SECRETS =
      new Secrets(Map.of("TARGET_PASSWORD", "k3ep it", "SOURCE_PASSWORD", "n0t seen"));

  @Test
  void findsItsCloneByItsVariables() {
    String line =
        run(
            "echo $PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE $PGSSLROOTCERT; echo $WHIMBREL_SUITE_URL");

    assertThat(line)
        .matches(
            "the suite is green after \\d+ s; it said: postgresql://migrator@db\\.new\\.example\\.com:6543/whimbrel_shop_suite_11111111\\?sslmode=verify-full&sslrootcert=/ca\\.pem");
    assertThat(run("echo $PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE $PGSSLROOTCERT"))
        .endsWith(
            "said: db.new.example.com 6543 whimbrel_shop_suite_11111111 migrator verify-full /ca.pem");
  }

  @Test
  void getsNothingOfThisWorkersOwnThatPointsElsewhere() {
    Map<String, String> environment =
        new HashMap<>(
            Map.of(
                "PGSERVICE", "production",
                "PGHOSTADDR", "203.0.113.10",
                "PGPASSWORD", "another",
                "PGPASSFILE", "/etc/pgpass",
                "SOURCE_PASSWORD", "n0t seen",
                "PATH", "/bin"));

    new SuiteRun(SECRETS, request("true", Duration.ofSeconds(30))).point(environment);

    assertThat(environment)
        .doesNotContainKeys("PGSERVICE", "PGHOSTADDR", "SOURCE_PASSWORD")
        .containsEntry("PGPASSWORD", "k3ep it")
        .containsEntry("PGPASSFILE", "/etc/pgpass")
        .containsEntry("PATH", "/bin");
  }

  @Test
  void keepsTheEndOfARedSuitesOutputWithoutThePassword() {
    assertThatThrownBy(() -> run("seq 1 100; echo \"cannot connect as $PGPASSWORD\" >&2; exit 3"))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure -> {
              assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
              assertThat(Failures.carried(failure).remedy()).contains("it gets a fresh clone");
            })
        .hasMessageContaining("The suite is not green: sh -c seq 1 100;")
        .hasMessageContaining(" ended with 3; it said: 82 / 83 / ")
        .hasMessageContaining("/ 100 / cannot connect as ***")
        .hasMessageNotContaining("k3ep it");
  }

  @Test
  void showsNoPasswordInWhatAGreenSuiteSaysEither() {
    assertThat(run("echo $PGPASSWORD")).endsWith("; it said: ***");
  }

  @Test
  void masksPasswordsOfTheMoveThatThisWorkerHasNotUsedYet() {
    assertThat(run("echo connecting with n0t seen failed"))
        .endsWith("; it said: connecting with *** failed");
  }

  @Test
  void endsASuiteThatTakesTooLong() {
    assertThatThrownBy(() -> run("echo begun; sleep 300", Duration.ofSeconds(1), progress -> {}))
        .hasMessageContaining("did not end within 1 s and was stopped; it said: begun");
  }

  @Test
  void saysThatItIsNotOnThisWorker() {
    SuiteSpec suite = new SuiteSpec(List.of("/no/such/suite"), "clone", Duration.ofSeconds(9));

    assertThatThrownBy(() -> checks(progress -> {}).runSuite(new SuiteRequest(theClone(), suite)))
        .hasMessageContaining(
            "The suite is not green: /no/such/suite it cannot be started on this worker");
  }

  @Test
  void endsTheSuiteWhenTheMigrationGoesBack(@TempDir Path directory) throws Exception {
    Path pid = directory.resolve("pid");
    List<Progress> heartbeats = new CopyOnWriteArrayList<>();

    assertThatThrownBy(
            () ->
                run(
                    "echo $$ > " + pid + "; exec sleep 300",
                    Duration.ofMinutes(5),
                    progress -> {
                      heartbeats.add(progress);
                      if (Files.exists(pid)) {
                        throw new CancellationException("rolled back");
                      }
                    }))
        .isInstanceOf(CancellationException.class);

    assertThat(heartbeats.get(0).line()).startsWith("running sh -c");
    long process = Long.parseLong(Files.readString(pid).strip());
    long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (ProcessHandle.of(process).filter(ProcessHandle::isAlive).isPresent()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  private static String run(String script) {
    return run(script, Duration.ofSeconds(30), progress -> {});
  }

  private static String run(String script, Duration timeout, Consumer<Progress> heartbeat) {
    return checks(heartbeat).runSuite(request(script, timeout)).line();
  }

  private static SuiteRequest request(String script, Duration timeout) {
    return new SuiteRequest(
        theClone(), new SuiteSpec(List.of("sh", "-c", script), "clone", timeout));
  }

  private static RunChecks checks(Consumer<Progress> heartbeat) {
    return new RunChecks(
        (SSLSocketFactory) SSLSocketFactory.getDefault(), SECRETS, heartbeat, Clock.systemUTC());
  }

  private static SuiteClone theClone() {
    PostgresSpec source = new PostgresSpec(URL, "env:SOURCE_PASSWORD", null, null);
    PostgresSpec side =
        new PostgresSpec(URL + "&tcpKeepAlive=true", "env:TARGET_PASSWORD", null, null);
    return new SuiteClone(
        new Move("shop", source, side, List.of(), List.of(), 1, Duration.ofSeconds(1)), "11111111");
  }
}
