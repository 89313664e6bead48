package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.UncheckedIOException;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Record;

@Needs(Program.POWERDNS)
class PowerDnsServerTest {
  private static final String SHOP = "shop.example.test";

  @Test
  void drawsOneAddressAQuestionByWeight() {
    try (PowerDnsServer dns = PowerDnsServer.zone("example.test")) {
      dns.answerByWeight(SHOP, "A", 5, Map.of("192.0.2.1", 95, "198.51.100.1", 5));
      Map<String, Integer> seen = ask(dns, "A", 2000);

      assertThat(dns.records(SHOP, "A")).singleElement().extracting(Record::getTTL).isEqualTo(5L);
      // Three standard deviations of 2,000 draws at 5 % are 29.
      assertThat(seen.getOrDefault("198.51.100.1", 0)).isCloseTo(100, within(40));
      assertThat(seen.getOrDefault("192.0.2.1", 0)).isCloseTo(1900, within(40));
    }
  }

  @Test
  void takesOtherWeightsAtOnce() {
    try (PowerDnsServer dns = PowerDnsServer.zone("example.test")) {
      dns.answerByWeight(SHOP, "AAAA", 5, Map.of("2001:db8:1::1", 1));
      Map<String, Integer> before = ask(dns, "AAAA", 20);

      dns.answerByWeight(SHOP, "AAAA", 5, Map.of("2001:db8:2::1", 1));

      assertThat(before).isEqualTo(Map.of("2001:db8:1:0:0:0:0:1", 20));
      assertThat(ask(dns, "AAAA", 20)).isEqualTo(Map.of("2001:db8:2:0:0:0:0:1", 20));
      assertThat(dns.records(SHOP, "A")).isEmpty();
    }
  }

  @Test
  void isGoneWhenItIsClosed() {
    PowerDnsServer dns = PowerDnsServer.zone("example.test");

    dns.close();

    assertThatThrownBy(() -> dns.records(SHOP, "A")).isInstanceOf(UncheckedIOException.class);
  }

  private static Map<String, Integer> ask(PowerDnsServer dns, String type, int times) {
    Map<String, Integer> answers = new TreeMap<>();
    for (int i = 0; i < times; i++) {
      dns.records(SHOP, type).forEach(r -> answers.merge(r.rdataToString(), 1, Integer::sum));
    }
    return answers;
  }
}
