package dev.whimbrel.dns.rfc2136;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class Rfc2136ProviderTest {
  private final Secrets secrets = new Secrets(Map.of("TSIG", "not base64!"));

  @Test
  @Needs(Program.NAMED)
  void findsTheServersThatTheZoneNamesItself() {
    try (BindServer bind = BindServer.zone("example.test").start()) {
      Rfc2136Provider provider =
          new Rfc2136Provider(
              new DnsSpec.Rfc2136("127.0.0.1:" + bind.port(), "example.test", null, List.of()),
              secrets);

      assertThat(provider.authoritative())
          .singleElement()
          .hasToString(
              "Nameserver[label=ns1.example.test:53, address=/127.0.0.1:53, recursive=false]");
    }
  }

  @Test
  void refusesANameOutsideItsZone() {
    assertThatThrownBy(() -> provider(null).read("shop.example.com"))
        .hasMessageContaining("shop.example.com does not lie in the zone example.test");
  }

  @Test
  void refusesASecretThatIsNotBase64WithoutShowingIt() {
    assertThatThrownBy(() -> provider(new DnsSpec.TsigKey("whimbrel", "hmac-sha256", "env:TSIG")))
        .hasMessageContaining("TSIG key whimbrel: what env:TSIG refers to is not base64")
        .hasMessageNotContaining("not base64!");
  }

  @Test
  void refusesAnAlgorithmThatItDoesNotKnow() {
    assertThatThrownBy(() -> provider(new DnsSpec.TsigKey("whimbrel", "sha256", "env:TSIG")))
        .hasMessageContaining("TSIG key whimbrel: expected an algorithm of hmac-sha224,")
        .hasMessageContaining("found 'sha256'");
  }

  @Test
  void saysThatItHasNoWeights() {
    assertThat(provider(null).capabilities().weights()).isFalse();
  }

  private Rfc2136Provider provider(DnsSpec.@Nullable TsigKey key) {
    return new Rfc2136Provider(
        new DnsSpec.Rfc2136("127.0.0.1:1", "example.test", key, List.of()), secrets);
  }
}
