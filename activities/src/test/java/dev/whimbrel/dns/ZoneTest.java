package dev.whimbrel.dns;

import static dev.whimbrel.dns.ZoneFixture.SHOP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.rfc2136.Rfc2136Provider;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What happens between a look at the zone and the change: on a real BIND. */
@Needs(Program.NAMED)
class ZoneTest {
  private final ZoneFixture zone = new ZoneFixture();
  private final DnsSnapshot found = zone.dns.findRecords(zone.move());
  private final NamePlan plan = NamePlan.all(zone.move(), found).get(0);
  private final DnsProvider real =
      new Rfc2136Provider(zone.spec("env:TSIG", zone.bind), zone.secrets);

  @AfterEach
  void stop() {
    zone.close();
  }

  @Test
  void anUpdateThatWasPreparedBeforeTheUndoDoesNothingAfterIt() {
    zone.dns.setTtl(zone.lower(found));
    NameState before = real.read(SHOP);
    NameState late = plan.at(100, before).with(Optional.of(Mark.next("shop")));

    zone.dns.shift(zone.to(Side.SOURCE, found));

    assertThat(real.read(SHOP).sets()).isEqualTo(before.sets());
    assertThat(real.change(before, late)).isEqualTo(Change.CONFLICT);
    assertThat(zone.served(SHOP)).containsExactly("60 2001:db8:1::10", "60 203.0.113.10");
  }

  @Test
  void aPreparedLoweringDoesNothingAfterTheTtlWasRestored() {
    zone.dns.setTtl(zone.lower(found));
    NameState before = real.read(SHOP);

    zone.dns.setTtl(zone.restore(found));

    assertThat(real.change(before, before.with(before.sets(), Optional.of(Mark.next("shop")))))
        .isEqualTo(Change.CONFLICT);
    assertThat(real.read(SHOP).mark()).isEmpty();
  }

  @Test
  void aChangeWhoseAnswerWasLostIsFoundByItsMarkAndNotMadeTwice() {
    Faults faults = new Faults(Fault.NONE, Fault.ANSWER_LOST);

    NameState before = zone(faults).change(plan, now -> plan.at(100, now));

    assertThat(before.destination()).isEqualTo(plan.source());
    assertThat(faults.changes).isEqualTo(2);
    assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
  }

  @Test
  void aChangeThatWasLostWithItsAnswerIsMadeAgain() {
    Faults faults = new Faults(Fault.REQUEST_LOST, Fault.REQUEST_LOST);

    zone(faults).change(plan, now -> plan.at(100, now));

    assertThat(faults.changes).isEqualTo(4);
    assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
  }

  @Test
  void anotherAttemptInBetweenIsNoConflict() {
    Faults faults = new Faults(Fault.NONE, Fault.OVERTAKEN);

    zone(faults).change(plan, now -> plan.at(100, now));

    assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
  }

  @Test
  void givesUpForNowWhenItIsOvertakenAgainAndAgain() {
    Faults faults =
        new Faults(
            Fault.OVERTAKEN,
            Fault.OVERTAKEN,
            Fault.OVERTAKEN,
            Fault.OVERTAKEN,
            Fault.OVERTAKEN,
            Fault.OVERTAKEN);

    assertThatThrownBy(() -> zone(faults).change(plan, now -> plan.at(100, now)))
        .hasMessageContaining("shop.example.test was changed meanwhile, 5 times in a row");
  }

  private Zone zone(DnsProvider provider) {
    return new Zone(provider, "shop", new Attempt());
  }

  private enum Fault {
    NONE,
    REQUEST_LOST,
    ANSWER_LOST,
    OVERTAKEN
  }

  /** The real provider behind a network that loses, and beside another attempt of the step. */
  private final class Faults implements DnsProvider {
    private final Deque<Fault> faults;
    private int changes;

    Faults(Fault... faults) {
      this.faults = new ArrayDeque<>(List.of(faults));
    }

    @Override
    public Change change(NameState expected, NameState wanted) {
      changes++;
      Fault fault = faults.isEmpty() ? Fault.NONE : faults.pop();
      if (fault == Fault.REQUEST_LOST) {
        return Change.UNKNOWN;
      }
      if (fault == Fault.OVERTAKEN) {
        NameState now = real.read(SHOP);
        real.change(now, now.with(now.sets(), Optional.of(Mark.next("shop"))));
      }
      Change made = real.change(expected, wanted);
      return fault == Fault.ANSWER_LOST ? Change.UNKNOWN : made;
    }

    @Override
    public Capabilities capabilities() {
      return real.capabilities();
    }

    @Override
    public NameState read(String name) {
      return real.read(name);
    }

    @Override
    public List<Nameserver> authoritative() {
      return real.authoritative();
    }

    @Override
    public List<Health> health(List<NameState> names) {
      return real.health(names);
    }

    @Override
    public List<String> costs(List<String> names) {
      return real.costs(names);
    }

    @Override
    public String byHand(NameState from, NameState wanted) {
      return real.byHand(from, wanted);
    }

    @Override
    public List<Finding> findings(List<String> names, boolean weighted) {
      return real.findings(names, weighted);
    }
  }
}
