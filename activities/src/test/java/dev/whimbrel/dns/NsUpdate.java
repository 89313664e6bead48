package dev.whimbrel.dns;

import dev.whimbrel.servers.BindServer;
import java.io.IOException;
import java.time.Duration;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/** What {@code nsupdate} does, for the hand of somebody else. */
final class NsUpdate {
  private NsUpdate() {}

  /** Each line replaces a set: {@code shop.example.test 60 A 192.0.2.99}; without value removes. */
  static void send(BindServer server, String... lines) {
    try {
      Update update = new Update(Name.fromString(server.zone(), Name.root));
      for (String line : lines) {
        String[] words = line.split(" ", 4);
        Name name = Name.fromString(words[0], Name.root);
        int type = Type.value(words[2]);
        update.delete(name, type);
        if (words.length == 4) {
          update.add(
              Record.fromString(
                  name, type, DClass.IN, Long.parseLong(words[1]), words[3], Name.root));
        }
      }
      SimpleResolver resolver = new SimpleResolver("127.0.0.1");
      resolver.setPort(server.port());
      resolver.setTCP(true);
      resolver.setTimeout(Duration.ofSeconds(5));
      resolver.setTSIGKey(new TSIG(TSIG.HMAC_SHA256, server.keyName() + ".", server.keySecret()));
      Message answer = resolver.send(update);
      if (answer.getRcode() != Rcode.NOERROR) {
        throw new AssertionError(Rcode.string(answer.getRcode()));
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
