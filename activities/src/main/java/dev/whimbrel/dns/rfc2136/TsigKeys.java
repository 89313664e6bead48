package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import org.xbill.DNS.Name;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TextParseException;

/** Makes TSIG keys of what a runbook says. */
final class TsigKeys {
  private static final List<String> ALGORITHMS =
      List.of("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1", "hmac-md5");

  private TsigKeys() {}

  /**
   * The key.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if the algorithm is unknown,
   *     the name is none, or the secret is not base64; the message never holds the secret
   */
  static TSIG of(DnsSpec.TsigKey key, Secrets secrets) {
    String algorithm = key.algorithm().toLowerCase(Locale.ROOT);
    if (!ALGORITHMS.contains(algorithm)) {
      throw Failures.needsHelp(
          "TSIG key %s: expected an algorithm of %s, found '%s'"
              .formatted(key.name(), String.join(", ", ALGORITHMS), key.algorithm()),
          "correct dns.rfc2136.key.algorithm in the runbook",
          null);
    }
    byte[] secret;
    try {
      secret = Base64.getDecoder().decode(secrets.resolve(key.secret()).strip());
    } catch (IllegalArgumentException e) {
      throw Failures.needsHelp(
          "TSIG key %s: what %s refers to is not base64".formatted(key.name(), key.secret()),
          "put the key's secret there as it stands in the DNS server's configuration",
          null);
    }
    try {
      return new TSIG(
          TSIG.algorithmToName(algorithm), Name.fromString(key.name(), Name.root), secret);
    } catch (TextParseException e) {
      throw Failures.needsHelp(
          "TSIG key: '%s' is not a key's name".formatted(key.name()),
          "correct dns.rfc2136.key.name in the runbook",
          null);
    }
  }
}
