package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

class DnsServersTest {
  private static final String SHOP = "shop.example.test";

  @Test
  @Needs(Program.NAMED)
  void takesSignedUpdatesOnlyAndKeepsThemWhenKilled() throws Exception {
    try (BindServer bind =
        BindServer.zone("example.test").record("shop 60 IN A 192.0.2.1").start()) {
      assertThat(texts(bind.records(SHOP, "A"))).containsExactly("192.0.2.1");

      int unsigned = update(bind, null);
      int signed = update(bind, new TSIG(TSIG.HMAC_SHA256, bind.keyName(), bind.keySecret()));
      bind.kill9();
      bind.start();

      assertThat(Rcode.string(unsigned)).isEqualTo("REFUSED");
      assertThat(Rcode.string(signed)).isEqualTo("NOERROR");
      assertThat(texts(bind.records(SHOP, "A"))).containsExactly("198.51.100.1");
    }
  }

  @Test
  @Needs({Program.NAMED, Program.UNBOUND})
  void aResolverKeepsAnOldAnswerForAsLongAsItsTtlSays() throws Exception {
    try (BindServer bind =
            BindServer.zone("example.test").record("shop 600 IN A 192.0.2.1").start();
        UnboundServer resolver = UnboundServer.inFrontOf(bind)) {
      assertThat(texts(resolver.records(SHOP, "A"))).containsExactly("192.0.2.1");

      update(bind, new TSIG(TSIG.HMAC_SHA256, bind.keyName(), bind.keySecret()));

      assertThat(texts(bind.records(SHOP, "A"))).containsExactly("198.51.100.1");
      assertThat(texts(resolver.records(SHOP, "A"))).containsExactly("192.0.2.1");
    }
  }

  @Test
  @Needs(Program.NAMED)
  void aLaggingSecondaryKeepsAnOldAnswerUntilItIsStartedAgain() throws Exception {
    try (BindServer bind =
            BindServer.zone("example.test").record("shop 60 IN A 192.0.2.1").start();
        BindServer secondary = BindServer.lagging(bind)) {
      update(bind, new TSIG(TSIG.HMAC_SHA256, bind.keyName(), bind.keySecret()));
      List<String> before = texts(secondary.records(SHOP, "A"));

      secondary.kill9();
      secondary.start();

      assertThat(before).containsExactly("192.0.2.1");
      assertThat(texts(bind.records(SHOP, "A"))).containsExactly("198.51.100.1");
      assertThat(texts(secondary.records(SHOP, "A"))).containsExactly("198.51.100.1");
    }
  }

  private static int update(BindServer bind, @Nullable TSIG key) throws IOException {
    SimpleResolver resolver = new SimpleResolver(Relay.localhost());
    resolver.setPort(bind.port());
    resolver.setTCP(true);
    if (key != null) {
      resolver.setTSIGKey(key);
    }
    Update update = new Update(Name.fromString("example.test."));
    update.replace(Name.fromString(SHOP + "."), Type.A, 60, "198.51.100.1");
    Message answer = resolver.send(update);
    return answer.getRcode();
  }

  private static List<String> texts(List<Record> records) {
    return records.stream().map(Record::rdataToString).toList();
  }
}
