package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Front;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What somebody else has made or changed is left as it is. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53OthersTest extends OwnNames {
  @Test
  void changesNothingThatSomebodyElseHasChangedMeanwhile() {
    zone.serve(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    zone.route53.somebodyElseWrites(name, "AAAA", 300, "2001:db8:9::9");
    List<String> changed = zone.route53.raw(name);

    Change change = provider.change(found, split(found, 5, "198.51.100.20", "2001:db8:2::20"));

    assertThat(change).isEqualTo(Change.CONFLICT);
    assertThat(zone.route53.raw(name)).isEqualTo(changed);
  }

  @Test
  void anAttemptThatStoodStillDoesNotUndoTheUndo() {
    zone.serve(name);
    Route53Provider late = provider(null);
    NameState found = late.read(name);
    NameState marked = found.with(Optional.of(Mark.next("shop")));
    late.change(found, marked);
    Route53Front.Held held = zone.route53.front().hold("ChangeResourceRecordSets");
    CompletableFuture<Change> shift =
        CompletableFuture.supplyAsync(
            () -> late.change(marked, split(found, 99, "198.51.100.20", "2001:db8:2::20")));
    held.awaitArrival();

    Route53Provider undo = provider(null);
    NameState now = undo.read(name);
    Change undone = undo.change(now, now.with(Optional.of(Mark.next("shop"))));
    List<String> after = zone.route53.raw(name);
    held.release();

    assertThat(undone).isEqualTo(Change.MADE);
    assertThat(shift.join()).isEqualTo(Change.CONFLICT);
    assertThat(zone.route53.raw(name)).isEqualTo(after);
    assertThat(now.sets()).isEqualTo(found.sets());
  }

  @Test
  void changesExactlyTheWeightsThatAreThereThoughTheyAreNoPercents() {
    zone.serve(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    provider.change(found, split(found, 25, "198.51.100.20", "2001:db8:2::20"));
    zone.route53.somebodyElseChanges(
        change("UPSERT", weighted(name, "A", "whimbrel-shop-target", 225, 3600, "198.51.100.20")));

    NameState read = provider.read(name);
    Change change = provider.change(read, found);

    assertThat(read.line()).startsWith("75 % A 198.51.100.20 beside");
    assertThat(change).isEqualTo(Change.MADE);
    assertThat(zone.served(name)).hasSize(3);
  }

  @ParameterizedTest
  @CsvSource({
    "<Region>eu-north-1</Region>, latency routing",
    "<Failover>PRIMARY</Failover>, failover routing",
    "<GeoLocation><CountryCode>SE</CountryCode></GeoLocation>, geolocation routing",
    "<MultiValueAnswer>true</MultiValueAnswer>, multivalue answers",
    "<Weight>3</Weight>, weights of somebody else's",
  })
  void leavesOtherRoutingPoliciesAlone(String policy, String words) {
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 60, "203.0.113.10")
                .replace("<TTL>", "<SetIdentifier>blue</SetIdentifier>" + policy + "<TTL>")));

    Failures.Help help = helpFrom(() -> provider(null).read(name));

    assertThat(help.cause())
        .isEqualTo(
            "%s A is answered by %s (SetIdentifier blue), which Whimbrel neither changes nor copies"
                .formatted(name, words));
  }

  @Test
  void leavesTheWeightsOfAnotherMigrationAlone() {
    zone.route53.somebodyElseChanges(
        change("CREATE", weighted(name, "A", "whimbrel-blog-source", 3, 60, "203.0.113.10")));

    assertThat(helpFrom(() -> provider(null).read(name)).cause())
        .isEqualTo(name + " A carries the weights of the migration blog");
  }

  @Test
  void leavesAMarkAloneThatSharesItsRecord() {
    zone.serve(name);
    zone.route53.somebodyElseWrites(
        Mark.nameFor(name), "TXT", 60, '"' + Mark.next("shop").text() + '"', "\"mine\"");

    assertThat(helpFrom(() -> provider(null).read(name)).cause())
        .startsWith("The TXT record _whimbrel." + name + " holds more than Whimbrel's mark: ");
  }
}
