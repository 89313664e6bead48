package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What sets weights, and the canary that needs them. */
final class TrafficRules {
  private static final int WHOLE = 100;

  private final Runbook draft;
  private final Places places;

  TrafficRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  void check() {
    TrafficSpec traffic = draft.traffic();
    if (traffic != null) {
      traffic(traffic);
    }
    CanarySpec canary = draft.validate().canary();
    if (canary != null) {
      canary("validate.canary", canary);
    }
  }

  private void traffic(TrafficSpec traffic) {
    Problems.oneOf(places, "traffic.by", traffic.by(), List.of("dns", "haproxy", "command"));
    Problems.oneOf(places, "traffic.tail", traffic.tail(), List.of("refuse", "forward"));
    if (!traffic.byDns()
        && List.of("haproxy", "command").contains(traffic.by())
        && !places.has("traffic." + traffic.by())) {
      places.report("traffic.by", "expected traffic." + traffic.by() + ", which is to be led.");
    }
    if (traffic.byDns() && draft.dns() == null && !places.has("dns")) {
      places.report("traffic", "expected haproxy, command, or names under dns, found none.");
    }
    if (places.has("traffic.haproxy") && places.has("traffic.command")) {
      places.report("traffic", "expected either haproxy or command, found both.");
    }
    if (traffic.byDns() && traffic.haproxy() != null && !traffic.forwards()) {
      places.report(
          "traffic.haproxy",
          "nothing would lead it: expected by: haproxy, or tail: forward beside by: dns.");
    }
    if (traffic.forwards() && traffic.haproxy() == null && !places.has("traffic.haproxy")) {
      places.report("traffic.tail", "forward goes only with haproxy.");
    }
    if (traffic.forwards() && traffic.by().equals("command")) {
      places.report("traffic.tail", "forward goes not with by: command, which forwards by itself.");
    }
    if (traffic.command() != null) {
      Problems.notEmpty(places, "traffic.command.set", traffic.command().set());
      Problems.notEmpty(places, "traffic.command.read", traffic.command().read());
    }
    if (traffic.haproxy() != null) {
      haproxy("traffic.haproxy", traffic.haproxy());
    }
  }

  private void haproxy(String path, TrafficSpec.Haproxy haproxy) {
    someOf(path + ".admin", haproxy.admin());
    for (int i = 0; i < haproxy.admin().size(); i++) {
      String admin = haproxy.admin().get(i);
      if (!Addresses.isHostAndMaybePort(admin) || Addresses.isAddress(admin)) {
        places.report(path + ".admin[" + i + "]", "expected host:port, found '" + admin + "'.");
      }
    }
    someOf(path + ".source", haproxy.source());
    someOf(path + ".target", haproxy.target());
    Set<String> source = new HashSet<>(haproxy.source());
    for (int i = 0; i < haproxy.target().size(); i++) {
      if (source.contains(haproxy.target().get(i))) {
        places.report(
            path + ".target[" + i + "]",
            "'" + haproxy.target().get(i) + "' is one of the source's servers too.");
      }
    }
    if (haproxy.file() != null && !haproxy.file().startsWith("/")) {
      places.report(
          path + ".file", "expected an absolute path, found '%s'.".formatted(haproxy.file()));
    }
  }

  private void canary(String path, CanarySpec canary) {
    someOf(path + ".weights", canary.weights());
    for (int i = 0; i < canary.weights().size(); i++) {
      int weight = canary.weights().get(i);
      String at = path + ".weights[" + i + "]";
      if (weight < 1 || weight > WHOLE) {
        places.report(at, "expected percent from 1 to 100, found " + weight + ".");
      } else if (i > 0 && weight <= canary.weights().get(i - 1)) {
        places.report(at, "expected more than the weight before it, found " + weight + ".");
      }
    }
    Problems.positive(places, path + ".bake", canary.bake());
    Problems.positive(places, path + ".maxAddedLatency", canary.maxAddedLatency());
    web(path + ".database", canary.database());
    if (canary.session() != null) {
      web(path + ".session.open", canary.session().open());
      web(path + ".session.use", canary.session().use());
    }
    TrafficSpec shifting = draft.shifting();
    if (shifting == null && !places.has("dns") && !places.has("traffic")) {
      places.report(path, "expected dns or traffic, which is to set the weights.");
    }
    DnsSpec dns = draft.dns();
    if (dns != null && shifting != null && shifting.byDns()) {
      weightsByNames(path, dns);
    }
    for (String side : List.of("source", "target")) {
      SideSpec each = side.equals("source") ? draft.source() : draft.target();
      if (each != null && each.addresses().isEmpty() && !places.has(side + ".addresses")) {
        places.report(path, "expected " + side + ".addresses, where that side's stack is asked.");
      }
    }
  }

  private void weightsByNames(String path, DnsSpec dns) {
    if (dns.rfc2136() != null) {
      places.report(
          path,
          "rfc2136 cannot answer by weight. Use route53, azure with trafficManager, or set the"
              + " weights by traffic: {haproxy: …} or {command: …}.");
    }
    if (dns.azure() != null
        && dns.azure().trafficManager() == null
        && !places.has("dns.azure.trafficManager")) {
      places.report(
          path, "Azure DNS answers by weight only through dns.azure.trafficManager, found none.");
    }
  }

  private void someOf(String path, List<?> found) {
    if (found.isEmpty() && !places.has(path + "[0]")) {
      places.report(path, "expected at least one, found none.");
    }
  }

  private void web(String path, @Nullable String url) {
    if (url != null && !CheckRules.isUrl(url)) {
      places.report(path, "expected a URL that begins with http:// or https:// and names a host.");
    }
  }
}
