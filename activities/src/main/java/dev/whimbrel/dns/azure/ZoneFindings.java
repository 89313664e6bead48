package dev.whimbrel.dns.azure;

import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.runbook.DnsSpec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What Azure cannot do of what a runbook asks, and what a person should know. */
final class ZoneFindings {
  private static final String CHECK = "azure-dns";

  private final DnsSpec.Azure spec;
  private final boolean weighted;
  private final boolean targetIsHostName;
  private final List<Finding> findings = new ArrayList<>();

  ZoneFindings(DnsSpec.Azure spec, boolean weighted, boolean targetIsHostName) {
    this.spec = spec;
    this.weighted = weighted;
    this.targetIsHostName = targetIsHostName;
    if (weighted && spec.trafficManager() == null) {
      add(
          Level.BLOCKER,
          "dns.azure",
          "a canary by weight was asked for, and Azure DNS answers by weight only through Traffic Manager.",
          "write trafficManager: {} under dns.azure, which makes profiles in the zone's resource group");
    }
  }

  List<Finding> all() {
    return List.copyOf(findings);
  }

  /** A name as it stands. */
  void look(NameState now) {
    boolean hostName = now.set("CNAME").isPresent() || now.split("CNAME").isPresent();
    if (!now.isEmpty() && hostName != targetIsHostName) {
      add(
          Level.BLOCKER,
          now.name(),
          "is %s on the source and %s on the target: Azure DNS cannot change one into the other without a moment in which the name does not resolve."
              .formatted(words(hostName), words(targetIsHostName)),
          "write source.cname and target.cname, or addresses on both sides");
    }
    if (!weighted) {
      return;
    }
    for (RecordSet set : now.sets()) {
      String alias = set.extras().get(RecordSet.ALIAS);
      if (alias != null) {
        add(
            Level.BLOCKER,
            now.name(),
            "its %s record set is an alias of %s, which cannot carry a weight."
                .formatted(set.type(), alias),
            "give it the addresses themselves, or leave canary out");
      } else if (set.values().size() > 1) {
        add(
            Level.NOTE,
            now.name(),
            "has %d %s records: during the canary each answer holds one of them."
                .formatted(set.values().size(), set.type()),
            null);
      }
    }
  }

  /** What stands under the name that the migration's profile will have. */
  void profile(String id, boolean ours, ProfileInner profile) {
    if (ours) {
      add(Level.NOTE, id, "probes: " + Endpoints.health(profile) + ".", null);
    } else {
      add(
          Level.BLOCKER,
          id,
          "is there already, and was not made for this migration.",
          "delete it if nobody needs it, or name another dns.azure.trafficManager.resourceGroup than %s"
              .formatted(spec.resourceGroup()));
    }
  }

  private static String words(boolean hostName) {
    return hostName ? "a CNAME" : "addresses";
  }

  private void add(Level level, String subject, String message, @Nullable String fix) {
    findings.add(new Finding(level, CHECK, subject, message, fix));
  }
}
