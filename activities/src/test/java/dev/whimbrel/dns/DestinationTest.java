package dev.whimbrel.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DestinationTest {

  @ParameterizedTest
  @CsvSource({
    "2001:db8:1::10, 2001:db8:1::10",
    "2001:DB8:0001:0000:0000:0000:0000:0010, 2001:db8:1::10",
    "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
    "::, ::",
    "::1, ::1",
    "fe80::, fe80::",
  })
  void writesIpv6AsRfc5952Does(String text, String canonical) {
    assertThat(Destination.parse(List.of(text)).v6()).containsExactly(canonical);
  }

  @Test
  void areEqualWhenTheySendAClientToTheSamePlaces() {
    assertThat(Destination.parse(List.of("203.0.113.11", "2001:db8::1", "203.0.113.10")))
        .isEqualTo(Destination.parse(List.of("203.0.113.10", "203.0.113.11", "2001:DB8:0::1")))
        .hasToString("203.0.113.10 203.0.113.11 2001:db8::1");
  }

  @Test
  void refuseWhatIsNoAddress() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Destination.parse(List.of("db.example.com")))
        .withMessage("expected an IP address, found 'db.example.com'");
  }
}
