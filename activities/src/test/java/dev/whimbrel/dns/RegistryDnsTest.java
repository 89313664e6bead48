package dev.whimbrel.dns;

import static dev.whimbrel.dns.ZoneFixture.SHOP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

@Needs(Program.NAMED)
class RegistryDnsTest {
  private static final List<String> AS_FOUND = List.of("1800 2001:db8:1::10", "3600 203.0.113.10");

  private final ZoneFixture zone = new ZoneFixture();

  @AfterEach
  void noBystanderWasTouched() {
    List<String> bystander = zone.served("other.example.test");
    zone.close();

    assertThat(bystander).containsExactly("300 192.0.2.7");
  }

  @Test
  void findsBothFamiliesWithTheirTtls() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());

    assertThat(found.records())
        .containsExactly(
            new RecordSet(SHOP, "A", 3600, List.of("203.0.113.10")),
            new RecordSet(SHOP, "AAAA", 1800, List.of("2001:db8:1::10")));
  }

  @Test
  void noticesATypeThatSomebodyElseChangedWhileTheTtlWasSet() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.dns.setTtl(zone.lower(found));
    zone.somebodyElseWrites(SHOP + " 60 A 203.0.113.10", SHOP + " 60 AAAA 2001:db8:9::9");

    Failures.Help help = helpFrom(() -> zone.dns.awaitTtl(zone.lower(found)));

    assertThat(help.cause())
        .startsWith(SHOP + " was changed by somebody else: expected ")
        .contains("2001:db8:9::9");
  }

  @Test
  void goesThereAndBackAndLeavesTheZoneAsItWasThoughEveryStepRunsTwice() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());

    zone.dns.setTtl(zone.lower(found));
    assertThat(zone.dns.setTtl(zone.lower(found)).line()).isEqualTo(SHOP + ": TTL 60 → 60 s");
    assertThat(zone.dns.awaitTtl(zone.lower(found)).line())
        .isEqualTo("TTL in force at 1 authoritative server");
    assertThat(zone.served(SHOP)).containsExactly("60 2001:db8:1::10", "60 203.0.113.10");

    assertThat(zone.dns.shift(zone.to(Side.TARGET, found)).line())
        .isEqualTo(
            SHOP + ": 203.0.113.10 2001:db8:1::10 → 198.51.100.20 2001:db8:2::20 at TTL 60 s");
    zone.dns.shift(zone.to(Side.TARGET, found));
    zone.dns.awaitPropagation(zone.to(Side.TARGET, found));
    assertThat(zone.served(SHOP)).containsExactly("60 198.51.100.20", "60 2001:db8:2::20");

    zone.dns.shift(zone.to(Side.SOURCE, found));
    zone.dns.shift(zone.to(Side.SOURCE, found));
    zone.dns.setTtl(zone.restore(found));
    zone.dns.setTtl(zone.restore(found));
    zone.dns.awaitTtl(zone.restore(found));

    assertThat(zone.served(SHOP)).isEqualTo(AS_FOUND);
    assertThat(zone.bind.records(Mark.nameFor(SHOP), "TXT")).isEmpty();
  }

  @Test
  void removesAFamilyThatTheTargetLacksAndBringsItBack() {
    DnsMove only4 =
        new DnsMove("shop", zone.move().dns(), ZoneFixture.SOURCE, List.of("198.51.100.20"));
    DnsSnapshot found = zone.dns.findRecords(only4);
    zone.dns.setTtl(new TtlRequest(only4, found, 60, false));

    zone.dns.shift(new ShiftRequest(only4, found, Side.TARGET));
    assertThat(zone.served(SHOP)).containsExactly("60 198.51.100.20");

    zone.dns.shift(new ShiftRequest(only4, found, Side.SOURCE));
    assertThat(zone.served(SHOP)).containsExactly("60 2001:db8:1::10", "60 203.0.113.10");
    zone.dns.setTtl(new TtlRequest(only4, found, 0, true));
    assertThat(zone.served(SHOP)).isEqualTo(AS_FOUND);
  }

  @Test
  void restoresTheTtlThatTheRunbookNames() {
    DnsSpec spec =
        new DnsSpec(
            null,
            null,
            zone.move().dns().rfc2136(),
            List.of(SHOP + "."),
            new DnsSpec.Ttl(List.of(60), 900),
            List.of());
    DnsSnapshot found = zone.dns.findRecords(zone.move(spec));

    zone.dns.setTtl(new TtlRequest(zone.move(spec), found, 60, false));
    zone.dns.setTtl(new TtlRequest(zone.move(spec), found, 0, true));

    assertThat(zone.served(SHOP)).containsExactly("900 2001:db8:1::10", "900 203.0.113.10");
  }

  @Test
  void leavesAnotherOnesChangeAndSaysBothVersionsAndWhoOwnsTheName() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.somebodyElseWrites(
        SHOP + " 300 A 192.0.2.99",
        "a-"
            + SHOP
            + " 300 TXT \"heritage=external-dns,external-dns/owner=prod,"
            + "external-dns/resource=ingress/shop/web\"");

    Failures.Help help = helpFrom(() -> zone.dns.shift(zone.to(Side.TARGET, found)));

    assertThat(help.cause())
        .isEqualTo(
            "shop.example.test was changed by somebody else: expected 203.0.113.10 2001:db8:1::10"
                + " or 198.51.100.20 2001:db8:2::20, found A 192.0.2.99 (TTL 300), AAAA"
                + " 2001:db8:1::10 (TTL 1800); external-dns (owner=prod,"
                + " resource=ingress/shop/web) claims this name");
    assertThat(help.command())
        .contains("nsupdate -k whimbrel.key")
        .contains("update add shop.example.test. 3600 A 203.0.113.10");
    assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:1::10", "300 192.0.2.99");
  }

  @Test
  void noticesThatAShiftedNameWasPutBack() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.dns.shift(zone.to(Side.TARGET, found));
    zone.somebodyElseWrites(SHOP + " 3600 A 203.0.113.10", SHOP + " 1800 AAAA 2001:db8:1::10");

    Failures.Help help = helpFrom(() -> zone.dns.awaitPropagation(zone.to(Side.TARGET, found)));

    assertThat(help.cause()).startsWith("shop.example.test was changed by somebody else");
  }

  @Test
  void noticesThatTheTtlWasRaised() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.somebodyElseWrites(SHOP + " 86400 A 203.0.113.10");

    Failures.Help help = helpFrom(() -> zone.dns.setTtl(zone.lower(found)));

    assertThat(help.cause())
        .startsWith(SHOP + " was changed by somebody else: expected a TTL of at most 3600 s");
  }

  @Test
  void refusesANameThatAnotherMigrationMoves() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.dns.setTtl(zone.lower(found));
    DnsMove other = new DnsMove("other", zone.move().dns(), ZoneFixture.SOURCE, ZoneFixture.TARGET);

    Failures.Help help =
        helpFrom(() -> zone.dns.shift(new ShiftRequest(other, found, Side.TARGET)));

    assertThat(help.cause()).isEqualTo(SHOP + " is being moved by the migration shop");
    assertThat(help.remedy()).endsWith("remove the TXT record _whimbrel.shop.example.test");
  }

  @Test
  void refusesServersThatDisagreeAndShowsBothVersions() {
    try (BindServer second = ZoneFixture.server("shop 3600 IN A 192.0.2.55")) {
      DnsMove both =
          zone.move(
              new DnsSpec(
                  null,
                  null,
                  zone.spec("env:TSIG", zone.bind, second),
                  List.of(SHOP),
                  ZoneFixture.ttl(),
                  List.of()));

      Failures.Help help = helpFrom(() -> zone.dns.findRecords(both));

      assertThat(help.cause())
          .isEqualTo(
              "The zone's servers disagree about shop.example.test: the primary answers A"
                  + " 203.0.113.10 (TTL 3600), AAAA 2001:db8:1::10 (TTL 1800), 127.0.0.1:"
                  + second.port()
                  + " answers A 192.0.2.55 203.0.113.10 (TTL 3600), AAAA 2001:db8:1::10 (TTL"
                  + " 1800)");
    }
  }

  @Test
  void refusesANameThatDoesNotPointToTheSource() {
    DnsMove wrong =
        new DnsMove("shop", zone.move().dns(), List.of("203.0.113.11"), ZoneFixture.TARGET);

    assertThat(helpFrom(() -> zone.dns.findRecords(wrong)).cause())
        .startsWith(SHOP + ": expected the source's addresses 203.0.113.11, found A 203.0.113.10");
  }

  @Test
  void refusesAnAlias() {
    DnsSpec spec =
        new DnsSpec(
            null,
            null,
            zone.spec("env:TSIG", zone.bind),
            List.of("alias.example.test"),
            ZoneFixture.ttl(),
            List.of());

    assertThat(helpFrom(() -> zone.dns.findRecords(zone.move(spec))).cause())
        .isEqualTo(
            "alias.example.test: expected the source's addresses 203.0.113.10 2001:db8:1::10, found"
                + " CNAME shop.example.test (TTL 3600)");
  }

  @Test
  void saysThatTheKeyIsWrong() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    DnsMove bad =
        zone.move(
            new DnsSpec(
                null,
                null,
                zone.spec("env:BAD", zone.bind),
                List.of(SHOP),
                ZoneFixture.ttl(),
                List.of()));

    Failures.Help help = helpFrom(() -> zone.dns.setTtl(new TtlRequest(bad, found, 60, false)));

    assertThat(help.cause())
        .isEqualTo(
            "Cannot change shop.example.test: DNS server 127.0.0.1:%d answers BADSIG to an update with key whimbrel"
                .formatted(zone.bind.port()));
    assertThat(zone.served(SHOP)).isEqualTo(AS_FOUND);
  }

  @Test
  void saysWhatToAllowWhereTheServerRefuses() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    DnsSpec.Rfc2136 unsigned =
        new DnsSpec.Rfc2136(
            ZoneFixture.at(zone.bind), "example.test", null, List.of(ZoneFixture.at(zone.bind)));
    DnsMove move =
        zone.move(new DnsSpec(null, null, unsigned, List.of(SHOP), ZoneFixture.ttl(), List.of()));

    Failures.Help help = helpFrom(() -> zone.dns.shift(new ShiftRequest(move, found, Side.TARGET)));

    assertThat(help.cause()).endsWith("answers REFUSED to an update with key none");
    assertThat(help.remedy())
        .isEqualTo(
            "allow the update for this key: A and AAAA of shop.example.test, TXT of"
                + " _whimbrel.shop.example.test");
  }

  @Test
  void triesAgainLaterWhereTheServerDoesNotAnswer() {
    DnsSnapshot found = zone.dns.findRecords(zone.move());
    zone.bind.kill9();

    assertThatThrownBy(() -> zone.dns.shift(zone.to(Side.TARGET, found)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class, e -> assertThat(e.getType()).isEqualTo(Failures.TRANSIENT))
        .hasMessageContaining("does not answer for shop.example.test within 2 s");

    zone.bind.start();
    zone.dns.shift(zone.to(Side.TARGET, found));
    assertThat(zone.served(SHOP)).containsExactly("1800 2001:db8:2::20", "3600 198.51.100.20");
  }

  private static Failures.Help helpFrom(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    ApplicationFailure failure = catchThrowableOfType(ApplicationFailure.class, call);
    assertThat(failure).isNotNull();
    assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    assertThat(help).isNotNull();
    return help;
  }
}
