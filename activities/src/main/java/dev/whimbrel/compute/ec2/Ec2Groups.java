package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.compute.RuleComparison;
import dev.whimbrel.compute.RuleComparison.Group;
import dev.whimbrel.runbook.ProvisionSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.model.IpPermission;
import software.amazon.awssdk.services.ec2.model.SecurityGroup;

/**
 * Pairs of security groups, compared rule by rule. A rule that speaks of another group is compared
 * where the runbook says which group that is on the other side.
 */
final class Ec2Groups {
  private static final RuleComparison.Words WORDS =
      new RuleComparison.Words(
          "allows",
          "does not",
          "means nothing on the other side",
          "they allow the same, in %d rules.");

  private final AwsClients clients;
  private final ProvisionSpec.Ec2 spec;

  Ec2Groups(AwsClients clients, ProvisionSpec.Ec2 spec) {
    this.clients = clients;
    this.spec = spec;
  }

  /**
   * One thing that a group allows.
   *
   * @param direction {@code in} or {@code out}
   * @param protocol such as {@code tcp}, or {@code all}
   * @param ports such as {@code 443} or {@code 8000-8080}, or {@code all}
   * @param peer whom it speaks of: an address range, or a group in words that mean the same on both
   *     sides
   * @param comparable whether the peer means the same on both sides
   */
  private record Rule(
      String direction, String protocol, String ports, String peer, boolean comparable) {
    @Override
    public String toString() {
      return "%s %s %s %s %s"
          .formatted(direction, protocol, ports, direction.equals("in") ? "from" : "to", peer);
    }
  }

  List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    for (ProvisionSpec.Ec2Groups pair : spec.securityGroups()) {
      Optional<SecurityGroup> source = find(pair.source(), pair.sourceRegion(), findings);
      Optional<SecurityGroup> target = find(pair.target(), spec.region(), findings);
      if (source.isPresent() && target.isPresent()) {
        findings.addAll(
            RuleComparison.findings(
                WORDS,
                group(source.get(), pair.target(), "authorize"),
                group(target.get(), pair.target(), "revoke")));
      }
    }
    return findings;
  }

  /**
   * A group as it is compared.
   *
   * @param target the group at which a difference is taken away
   * @param verb how it is taken away
   */
  private Group group(SecurityGroup found, String target, String verb) {
    return new Group(
        found.groupId(),
        rules(found).stream()
            .map(
                each ->
                    new RuleComparison.Rule(
                        each.toString(), each.comparable(), command(verb, target, each)))
            .toList());
  }

  private Optional<SecurityGroup> find(String id, String region, List<Finding> findings) {
    try {
      return clients
          .ec2(region)
          .describeSecurityGroups(request -> request.groupIds(id))
          .securityGroups()
          .stream()
          .findFirst();
    } catch (SdkException e) {
      if (!Ec2Calls.code(e).startsWith("InvalidGroup")) {
        throw new Ec2Calls(region).failure("DescribeSecurityGroups", id, e);
      }
      findings.add(
          new Finding(
              Finding.Level.BLOCKER,
              RuleComparison.CHECK,
              id,
              "expected this security group in %s, found none.".formatted(region),
              null));
      return Optional.empty();
    }
  }

  private List<Rule> rules(SecurityGroup group) {
    List<Rule> rules = new ArrayList<>();
    group.ipPermissions().forEach(each -> rules.addAll(rules("in", group.groupId(), each)));
    group.ipPermissionsEgress().forEach(each -> rules.addAll(rules("out", group.groupId(), each)));
    return rules;
  }

  private List<Rule> rules(String direction, String own, IpPermission permission) {
    String protocol = protocol(permission.ipProtocol());
    String ports = ports(permission);
    List<Rule> rules = new ArrayList<>();
    permission
        .ipRanges()
        .forEach(each -> rules.add(new Rule(direction, protocol, ports, each.cidrIp(), true)));
    permission
        .ipv6Ranges()
        .forEach(each -> rules.add(new Rule(direction, protocol, ports, each.cidrIpv6(), true)));
    permission
        .prefixListIds()
        .forEach(
            each -> rules.add(new Rule(direction, protocol, ports, each.prefixListId(), false)));
    permission
        .userIdGroupPairs()
        .forEach(each -> rules.add(rule(direction, protocol, ports, own, each.groupId())));
    return rules;
  }

  private Rule rule(String direction, String protocol, String ports, String own, String peer) {
    if (peer.equals(own)) {
      return new Rule(direction, protocol, ports, "the group itself", true);
    }
    return spec.securityGroups().stream()
        .filter(pair -> pair.source().equals(peer) || pair.target().equals(peer))
        .findFirst()
        .map(
            pair ->
                new Rule(
                    direction,
                    protocol,
                    ports,
                    "the group %s/%s".formatted(pair.source(), pair.target()),
                    true))
        .orElseGet(() -> new Rule(direction, protocol, ports, peer, false));
  }

  private static String protocol(String given) {
    return switch (given) {
      case "-1" -> "all";
      case "6" -> "tcp";
      case "17" -> "udp";
      case "1" -> "icmp";
      default -> given;
    };
  }

  private static String ports(IpPermission permission) {
    Integer from = permission.fromPort();
    Integer to = permission.toPort();
    if (permission.ipProtocol().equals("-1") || from == null || to == null || from == -1) {
      return "all";
    }
    return from.equals(to) ? Integer.toString(from) : from + "-" + to;
  }

  private String command(String verb, String group, Rule rule) {
    String[] ports = rule.ports().split("-", 2);
    String range =
        rule.ports().equals("all")
            ? ""
            : ",FromPort=%s,ToPort=%s".formatted(ports[0], ports[ports.length - 1]);
    String peer;
    if (rule.peer().equals("the group itself")) {
      peer = "UserIdGroupPairs=[{GroupId=" + group + "}]";
    } else if (rule.peer().startsWith("the group ")) {
      peer =
          "UserIdGroupPairs=[{GroupId=%s}]"
              .formatted(rule.peer().substring(rule.peer().indexOf('/') + 1));
    } else if (rule.peer().contains(":")) {
      peer = "Ipv6Ranges=[{CidrIpv6=" + rule.peer() + "}]";
    } else {
      peer = "IpRanges=[{CidrIp=" + rule.peer() + "}]";
    }
    return "aws ec2 %s-security-group-%s --region %s --group-id %s --ip-permissions '%s'"
        .formatted(
            verb,
            rule.direction().equals("in") ? "ingress" : "egress",
            spec.region(),
            group,
            "IpProtocol=%s%s,%s"
                .formatted(rule.protocol().equals("all") ? "-1" : rule.protocol(), range, peer));
  }
}
