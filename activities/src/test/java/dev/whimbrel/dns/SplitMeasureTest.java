package dev.whimbrel.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PowerDnsServer;
import dev.whimbrel.servers.Program;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The measuring of a split, against a server that draws its answers itself. */
@Needs(Program.POWERDNS)
class SplitMeasureTest {
  private static final String SHOP = "shop.example.test";
  private static final String SOURCE = "192.0.2.1";
  private static final String TARGET = "198.51.100.1";

  private static PowerDnsServer dns;

  @BeforeAll
  static void start() {
    dns = PowerDnsServer.zone("example.test");
  }

  @AfterAll
  static void stop() {
    dns.close();
  }

  @Test
  void findsEveryShareThatIsServedRightAndSaysHowMuchItSaw() {
    for (int share : new int[] {1, 5, 25, 50, 99}) {
      serve(share);
      SplitMeasure measure = measuring(share);

      assertThat(measure.missingAt(server())).as("asked for %d %%", share).isEmpty();
      assertThat(measure.line(1, List.of()))
          .matches(
              "shop\\.example\\.test A: \\d+\\.\\d %% of 400 answers of 1 server are the target's, asked for %d %%; 0 of 0 resolvers, too few to know"
                  .formatted(share));
    }
  }

  @Test
  void tellsAnotherShareFromTheOneAskedFor() {
    serve(25);

    assertThat(measuring(5).missingAt(server()).orElse(""))
        .matches(
            server().label()
                + " answers shop\\.example\\.test with the target's A in \\d+ of 400 answers, asked for 5 %");
  }

  @Test
  void tellsAServerThatAnswersWithSomethingElse() {
    dns.answerByWeight(SHOP, "A", 5, Map.of("203.0.113.99", 1));

    assertThat(measuring(5).missingAt(server()))
        .hasValue(server().label() + " still answers 203.0.113.99 for shop.example.test");
  }

  @Test
  void countsResolversOneByOneAndNeedsThirtyOfThem() {
    serve(50);
    SplitMeasure measure = measuring(50);

    assertThat(measure.line(1, Collections.nCopies(29, server()))).endsWith("too few to know");
    assertThat(measure.line(1, Collections.nCopies(30, server())))
        .matches(".*; \\d+ of 30 resolvers");
    assertThat(measuring(1).line(1, Collections.nCopies(60, server())))
        .endsWith(", more than chance from what was asked");
  }

  private static void serve(int share) {
    dns.answerByWeight(SHOP, "A", 5, Map.of(SOURCE, 100 - share, TARGET, share));
  }

  private static Nameserver server() {
    return Nameserver.of("127.0.0.1:" + dns.port(), false);
  }

  private static SplitMeasure measuring(int share) {
    return new SplitMeasure(
        SHOP, new Split(share, records(SOURCE), records(TARGET)), new Attempt());
  }

  private static RecordSet records(String address) {
    return new RecordSet(SHOP, "A", 5, List.of(address));
  }
}
