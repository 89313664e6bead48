package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.network.fluent.models.ApplicationSecurityGroupInner;
import com.azure.resourcemanager.network.fluent.models.NetworkSecurityGroupInner;
import com.azure.resourcemanager.network.fluent.models.SecurityRuleInner;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.compute.RuleComparison;
import dev.whimbrel.compute.RuleComparison.Group;
import dev.whimbrel.runbook.ProvisionSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Pairs of network security groups, compared rule by rule; names and descriptions do not count. The
 * rules that every group has are left out.
 */
final class GroupRules {
  private static final RuleComparison.Words WORDS =
      new RuleComparison.Words(
          "has", "has not", "names a group of the one side only", "they have the same %d rules.");

  private final AzureClients clients;

  GroupRules(AzureClients clients) {
    this.clients = clients;
  }

  /** A rule as it works; {@code comparable} is false where it names what only one side has. */
  private record Rule(
      String direction,
      int priority,
      String access,
      String protocol,
      String from,
      String fromPorts,
      String to,
      String toPorts,
      boolean comparable) {
    @Override
    public String toString() {
      return "%s %d %s %s from %s port %s to %s port %s"
          .formatted(direction, priority, access, protocol, from, fromPorts, to, toPorts);
    }
  }

  private record Named(String name, Rule rule) {}

  List<Finding> findings(List<ProvisionSpec.AzureGroups> pairs) {
    List<Finding> findings = new ArrayList<>();
    for (ProvisionSpec.AzureGroups pair : pairs) {
      ResourceId source = ResourceId.of(pair.source(), ResourceId.GROUP);
      ResourceId target = ResourceId.of(pair.target(), ResourceId.GROUP);
      Optional<List<Named>> sourceRules = rules(source, findings);
      Optional<List<Named>> targetRules = rules(target, findings);
      if (sourceRules.isPresent() && targetRules.isPresent()) {
        findings.addAll(
            RuleComparison.findings(
                WORDS,
                group(source, sourceRules.get(), rule -> create(target, rule)),
                group(target, targetRules.get(), rule -> delete(target, rule))));
      }
    }
    return findings;
  }

  /**
   * A group as it is compared.
   *
   * @param command what takes a rule's difference away
   */
  private static Group group(ResourceId id, List<Named> rules, Function<Named, String> command) {
    return new Group(
        id.name(),
        rules.stream()
            .map(
                each ->
                    new RuleComparison.Rule(
                        each.rule().toString(), each.rule().comparable(), command.apply(each)))
            .toList());
  }

  private static String delete(ResourceId target, Named each) {
    return "az network nsg rule delete %s --name %s".formatted(where(target), each.name());
  }

  private Optional<List<Named>> rules(ResourceId id, List<Finding> findings) {
    Optional<NetworkSecurityGroupInner> found = group(id);
    if (found.isEmpty()) {
      findings.add(
          new Finding(
              Level.BLOCKER,
              RuleComparison.CHECK,
              id.name(),
              "expected the network security group %s, found none.".formatted(id.id()),
              null));
      return Optional.empty();
    }
    List<SecurityRuleInner> rules = found.get().securityRules();
    return Optional.of(rules == null ? List.of() : rules.stream().map(GroupRules::read).toList());
  }

  Optional<NetworkSecurityGroupInner> group(ResourceId id) {
    return ComputeCalls.find(
        "Cannot read the network security group " + id.id(),
        id.scope(),
        () ->
            clients
                .network(id.subscription())
                .getNetworkSecurityGroups()
                .getByResourceGroup(id.group(), id.name()));
  }

  private static Named read(SecurityRuleInner rule) {
    String from = groups(rule.sourceApplicationSecurityGroups());
    String to = groups(rule.destinationApplicationSecurityGroups());
    return new Named(
        rule.name(),
        new Rule(
            String.valueOf(rule.direction()),
            rule.priority() == null ? 0 : rule.priority(),
            String.valueOf(rule.access()),
            String.valueOf(rule.protocol()),
            from.isEmpty() ? all(rule.sourceAddressPrefix(), rule.sourceAddressPrefixes()) : from,
            all(rule.sourcePortRange(), rule.sourcePortRanges()),
            to.isEmpty()
                ? all(rule.destinationAddressPrefix(), rule.destinationAddressPrefixes())
                : to,
            all(rule.destinationPortRange(), rule.destinationPortRanges()),
            from.isEmpty() && to.isEmpty()));
  }

  private static String all(@Nullable String one, @Nullable List<String> more) {
    TreeSet<String> all = new TreeSet<>(more == null ? List.of() : more);
    if (one != null && !one.isEmpty()) {
      all.add(one);
    }
    return String.join(" ", all);
  }

  private static String groups(@Nullable List<ApplicationSecurityGroupInner> groups) {
    return groups == null
        ? ""
        : String.join(" ", groups.stream().map(ApplicationSecurityGroupInner::id).toList());
  }

  private static String create(ResourceId target, Named each) {
    Rule rule = each.rule();
    return "az network nsg rule create %s --name %s --priority %d --direction %s --access %s --protocol %s --source-address-prefixes %s --source-port-ranges %s --destination-address-prefixes %s --destination-port-ranges %s"
        .formatted(
            where(target),
            each.name(),
            rule.priority(),
            rule.direction(),
            rule.access(),
            quoted(rule.protocol()),
            quoted(rule.from()),
            quoted(rule.fromPorts()),
            quoted(rule.to()),
            quoted(rule.toPorts()));
  }

  private static String where(ResourceId group) {
    return "--subscription %s --resource-group %s --nsg-name %s"
        .formatted(group.subscription(), group.group(), group.name());
  }

  /** A star would be a shell's to expand. */
  private static String quoted(String values) {
    return values.replace("*", "'*'");
  }
}
