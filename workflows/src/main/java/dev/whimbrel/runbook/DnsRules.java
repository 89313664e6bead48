package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The names that move, their zone and their TTLs. */
final class DnsRules {
  private static final List<String> PROVIDERS = List.of("route53", "azure", "rfc2136");
  private static final List<String> ALGORITHMS =
      List.of("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1", "hmac-md5");
  private static final int LONGEST_TTL = 604_800;

  private final Runbook draft;
  private final DnsSpec dns;
  private final Places places;

  DnsRules(Runbook draft, DnsSpec dns, Places places) {
    this.draft = draft;
    this.dns = dns;
    this.places = places;
  }

  void check() {
    Problems.exactlyOne(places, "dns", PROVIDERS);
    if (dns.rfc2136() != null) {
      provider(dns.rfc2136());
    }
    if (dns.route53() != null) {
      servers("dns.route53.authoritative", dns.route53().authoritative());
    }
    if (dns.azure() != null) {
      azure(dns.azure());
    }
    names();
    bothSidesHaveAddresses();
    ttl();
    servers("dns.resolvers", dns.resolvers());
  }

  private void azure(DnsSpec.Azure azure) {
    zone("dns.azure.zone", azure.zone());
    servers("dns.azure.authoritative", azure.authoritative());
    DnsSpec.Probe probe = azure.trafficManager() == null ? null : azure.trafficManager().probe();
    if (probe == null) {
      return;
    }
    String path = "dns.azure.trafficManager.probe";
    Problems.oneOf(places, path + ".protocol", probe.protocol(), List.of("HTTPS", "HTTP", "TCP"));
    if (probe.port() < 1 || probe.port() > 65_535) {
      places.report(path + ".port", "expected a port, 1 to 65535, found " + probe.port() + ".");
    }
    if (probe.path() != null && probe.protocol().equals("TCP")) {
      places.report(path + ".path", "goes only with HTTPS and HTTP.");
    }
  }

  private void servers(String path, List<String> servers) {
    for (int i = 0; i < servers.size(); i++) {
      hostAndPort(path + "[" + i + "]", servers.get(i));
    }
  }

  private void zone(String path, @Nullable String zone) {
    if (zone != null && !Addresses.isName(zone)) {
      places.report(path, "expected a zone, found '" + zone + "'.");
    }
  }

  private void provider(DnsSpec.Rfc2136 provider) {
    if (provider.server() != null) {
      hostAndPort("dns.rfc2136.server", provider.server());
    }
    zone("dns.rfc2136.zone", provider.zone());
    if (provider.key() != null) {
      Problems.oneOf(places, "dns.rfc2136.key.algorithm", provider.key().algorithm(), ALGORITHMS);
      Problems.reference(places, "dns.rfc2136.key.secret", provider.key().secret());
    }
    servers("dns.rfc2136.authoritative", provider.authoritative());
  }

  private void names() {
    if (dns.names().isEmpty() && places.has("dns.names") && !places.has("dns.names[0]")) {
      places.report("dns.names", "expected at least one name, found none.");
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < dns.names().size(); i++) {
      String path = "dns.names[" + i + "]";
      String name = dns.names().get(i);
      name(draft, places, path, name);
      if (!seen.add(withoutDot(name))) {
        places.report(path, "'" + name + "' stands here a second time.");
      }
    }
  }

  /** Checks one name against the zone of the runbook. */
  static void name(Runbook draft, Places places, String path, String name) {
    if (!Addresses.isName(name)) {
      places.report(path, "expected a host name, found '" + name + "'.");
      return;
    }
    String zone = zone(draft);
    if (zone == null) {
      return;
    }
    String bare = withoutDot(name);
    if (!bare.equals(zone) && !bare.endsWith("." + zone)) {
      places.report(path, "expected a name in the zone " + zone + ", found '" + name + "'.");
    }
  }

  private void bothSidesHaveAddresses() {
    addresses("source", draft.source());
    addresses("target", draft.target());
  }

  private void addresses(String path, @Nullable SideSpec side) {
    if (side != null
        && side.addresses().isEmpty()
        && side.cname() == null
        && !places.has(path + ".cname")
        && !places.has(path + ".addresses[0]")) {
      places.report(
          path + ".addresses",
          "missing: expected the addresses under which the service answers on this side, since dns"
              + " is to point to them.");
    }
  }

  private void ttl() {
    List<Integer> lower = dns.ttl().lower();
    for (int i = 0; i < lower.size(); i++) {
      String path = "dns.ttl.lower[" + i + "]";
      seconds(path, lower.get(i));
      if (i > 0 && lower.get(i) >= lower.get(i - 1)) {
        places.report(path, "expected each step below the one before, found " + lower.get(i) + ".");
      }
    }
    if (dns.ttl().restore() != null) {
      seconds("dns.ttl.restore", dns.ttl().restore());
    }
  }

  private void seconds(String path, int seconds) {
    if (seconds < 1 || seconds > LONGEST_TTL) {
      places.report(
          path, "expected seconds from 1 to " + LONGEST_TTL + " (a week), found " + seconds + ".");
    }
  }

  private void hostAndPort(String path, String text) {
    if (!Addresses.isHostAndMaybePort(text)) {
      places.report(
          path, "expected a host or address, with :port where it is not 53, found '" + text + "'.");
    }
  }

  private static @Nullable String zone(Runbook draft) {
    DnsSpec dns = draft.dns();
    if (dns == null) {
      return null;
    }
    // A hosted zone at Route 53 is an id: whether the names lie in it, the provider tells.
    String zone =
        dns.rfc2136() != null
            ? dns.rfc2136().zone()
            : dns.azure() != null ? dns.azure().zone() : null;
    return zone == null ? null : withoutDot(zone);
  }

  private static String withoutDot(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
  }
}
