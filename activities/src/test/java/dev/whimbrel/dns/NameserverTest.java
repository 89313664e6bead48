package dev.whimbrel.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NameserverTest {

  @ParameterizedTest
  @CsvSource({
    "192.0.2.53, 192.0.2.53, 53",
    "192.0.2.53:5353, 192.0.2.53, 5353",
    "[2001:db8::53]:5353, 2001:db8::53, 5353",
    "[2001:db8::53], 2001:db8::53, 53",
    "2001:db8::53, 2001:db8::53, 53",
  })
  void isReadWithOrWithoutAPort(String text, String address, int port) {
    Nameserver server = Nameserver.of(text, true);

    assertThat(Destination.canonical(server.address().getAddress())).isEqualTo(address);
    assertThat(server.address().getPort()).isEqualTo(port);
    assertThat(server.label()).isEqualTo(text);
  }

  @Test
  void isRefusedWhereThePortIsNone() {
    assertThatThrownBy(() -> Nameserver.of("192.0.2.53:dns", true))
        .hasMessageContaining("Cannot use DNS server '192.0.2.53:dns': expected host:port");
  }
}
