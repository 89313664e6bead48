package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.SHOP;
import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.dns.route53.Route53Fixture.lower;
import static dev.whimbrel.dns.route53.Route53Fixture.share;
import static dev.whimbrel.servers.Route53Service.change;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.dns.DnsProvider;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Fault;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What health checks say while a name carries weights. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53HealthTest {
  private final RegistryDns dns =
      new RegistryDns(
          new Secrets(Map.of()),
          Duration.ofMillis(50),
          () -> {
            throw new AssertionError("nothing is at Azure here");
          },
          Duration.ofMillis(1500));

  private Route53Fixture zone;
  private String check = "";
  private DnsMove move;
  private DnsSnapshot found;

  @BeforeEach
  void canary() {
    zone = new Route53Fixture();
    zone.serve(SHOP);
    check = zone.route53.createHealthCheck();
    move = zone.move(zone.spec(new DnsSpec.HealthChecks(null, check)), SHOP);
    found = dns.findRecords(move);
    dns.setTtl(lower(move, found));
    dns.shift(share(move, found, 25));
  }

  @AfterEach
  void stop() {
    zone.requireBystandersUntouched();
    zone.close();
  }

  @Test
  void isPartOfWhatAShiftSays() {
    assertThat(dns.awaitPropagation(share(move, found, 25)).line())
        .contains("asked for 25 %")
        .endsWith("; 3 of 3 checkers are content with the target (" + check + ")");
  }

  @Test
  void asksForHelpWhenASideIsTakenOutDuringTheBake() {
    zone.route53.health(check, false);

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s clients do not get 25 %% to the target: 0 of 3 checkers are content with the target (%s)"
                .formatted(check));
    assertThat(help.remedy()).endsWith("then retry: the bake begins anew");
  }

  @Test
  void saysThatEverySideIsOutWhereRoute53AnswersWithAllOfThem() {
    String ofSource = zone.route53.createHealthCheck();
    dns.shift(share(move, found, 0));
    DnsMove both = zone.move(zone.spec(new DnsSpec.HealthChecks(ofSource, check)), SHOP);
    dns.shift(share(both, found, 5));
    zone.route53.health(check, false);
    zone.route53.health(ofSource, false);

    Failures.Help help = helpFrom(() -> dns.holdNames(share(both, found, 5)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s every side is out, so that clients are led to all of them by 5 %% to the target: 0 of 3 checkers are content with the source (%s)"
                .formatted(ofSource));
  }

  @Test
  void isNotKnownWhereNobodyHasLookedYet() {
    zone.route53.nobodyLooksAt(check);

    assertThat(dns.awaitPropagation(share(move, found, 25)).line())
        .endsWith(
            "; no checker has looked at the target yet, which Route 53 takes for good (%s)"
                .formatted(check));
    assertThat(states()).containsExactly(Health.State.NOT_KNOWN);
  }

  @Test
  void isTurnedRoundWhereTheCheckIsInverted() {
    zone.route53.configureHealthCheck(check, true, false);

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));
    zone.route53.health(check, false);
    String line = dns.awaitPropagation(share(move, found, 25)).line();

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s clients do not get 25 %% to the target: 3 of 3 checkers are content with the target, which counts as bad, as the check is inverted (%s)"
                .formatted(check));
    assertThat(line)
        .endsWith(
            "; 0 of 3 checkers are content with the target, which counts as good, as the check is inverted (%s)"
                .formatted(check));
    assertThat(states()).containsExactly(Health.State.SERVED);
  }

  @Test
  void isBadWhereNobodyHasLookedYetAndTheCheckIsInverted() {
    zone.route53.nobodyLooksAt(check);
    zone.route53.configureHealthCheck(check, true, false);

    assertThat(provider().findings(List.of(), true))
        .extracting(Finding::level, Finding::line)
        .contains(
            tuple(
                Finding.Level.WARNING,
                "healthcheck/%s: no checker has looked at the target yet, which Route 53 takes for bad, as the check is inverted: Route 53 sends nobody there, whatever the weights say. Fix: mend the target's stack or the health check before the first weight"
                    .formatted(check)));
    assertThat(states()).containsExactly(Health.State.OUT);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isNotKnownWhereTheCheckFollowsOthersWhetherItIsInvertedOrNot(boolean inverted) {
    String calculated = zone.route53.createCalculatedHealthCheck(check);
    zone.route53.configureHealthCheck(calculated, inverted, false);
    zone.route53.health(calculated, !inverted);
    dns.shift(share(move, found, 0));
    DnsMove follows = zone.move(zone.spec(new DnsSpec.HealthChecks(null, calculated)), SHOP);
    dns.shift(share(follows, found, 5));

    assertThat(dns.awaitPropagation(share(follows, found, 5)).line())
        .endsWith(
            "; what the target's health check says is not known, as Route 53 does not tell it of type CALCULATED (%s)"
                .formatted(calculated));
    assertThat(provider(calculated).findings(List.of(), true))
        .extracting(Finding::level, Finding::line)
        .contains(
            tuple(
                Finding.Level.WARNING,
                "healthcheck/%s: what the target's health check says is not known, as Route 53 does not tell it of type CALCULATED. Fix: see in Route 53's or CloudWatch's console that it is healthy before the first weight"
                    .formatted(calculated)));
    assertThat(states(provider(calculated))).containsExactly(Health.State.NOT_KNOWN);
  }

  @Test
  void isGoodWhereTheCheckIsDisabledWhateverWasSaidBefore() {
    zone.route53.health(check, false);
    zone.route53.configureHealthCheck(check, false, true);

    assertThat(dns.awaitPropagation(share(move, found, 25)).line())
        .endsWith(
            "; the target's health check is disabled, which Route 53 takes for good (%s)"
                .formatted(check));
    assertThat(states()).containsExactly(Health.State.SERVED);
  }

  @Test
  void takesASideOutWhereTheCheckIsDisabledAndInverted() {
    zone.route53.configureHealthCheck(check, true, true);

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s clients do not get 25 %% to the target: the target's health check is disabled and inverted, which Route 53 takes for bad (%s)"
                .formatted(check));
  }

  @Test
  void goesOnCostingMoneyWithItsZone() {
    assertThat(dns.listZones(move).line())
        .isEqualTo(
            "Route 53: the hosted zone %s; the target's health check %s"
                .formatted(zone.route53.zoneId(), check));
  }

  @Test
  void aTypeThatAChangeLeavesAsItIsIsLookedAtBeforeTheStepEnds() {
    dns.shift(share(move, found, 5));
    zone.route53.raw(SHOP).stream()
        .filter(set -> set.contains("<Type>AAAA</Type>") && set.contains("-target<"))
        .forEach(
            set ->
                zone.route53.somebodyElseChanges(
                    change("DELETE", set),
                    change("CREATE", set.replace("2001:db8:2::20", "2001:db8:9::9"))));

    Failures.Help help = helpFrom(() -> dns.awaitPropagation(share(move, found, 5)));

    assertThat(help.cause())
        .startsWith(SHOP + " was changed by somebody else: expected ")
        .contains("2001:db8:9::9");
  }

  @ParameterizedTest
  @ValueSource(strings = {"GetHealthCheck", "GetHealthCheckStatus"})
  void isNotKnownWhereItMayNotBeAsked(String call) {
    zone.route53.front().fail(call, Route53Fault.DENIED, 1);

    assertThat(dns.awaitPropagation(share(move, found, 25)).line())
        .contains(
            "; the state of the target's health check %s is not known: No right to route53:%s on healthcheck/%s"
                .formatted(check, call, check));
  }

  private List<Health.State> states() {
    return states(provider());
  }

  private List<Health.State> states(DnsProvider provider) {
    return provider.health(List.of(provider.read(SHOP))).stream().map(Health::state).toList();
  }

  private DnsProvider provider() {
    return provider(check);
  }

  private DnsProvider provider(String ofTarget) {
    return new Route53Access()
        .provider(zone.spec(new DnsSpec.HealthChecks(null, ofTarget)), "shop");
  }
}
