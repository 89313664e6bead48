package dev.whimbrel.compute;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Compares what two security groups allow, rule by rule. */
public final class RuleComparison {
  private RuleComparison() {}

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
  public record Rule(
      String direction, String protocol, String ports, String peer, boolean comparable) {
    @Override
    public String toString() {
      return "%s %s %s %s %s"
          .formatted(direction, protocol, ports, direction.equals("in") ? "from" : "to", peer);
    }
  }

  /**
   * What differs.
   *
   * @param add the command that adds a rule to the target's group
   * @param remove the command that takes one away there
   */
  public static List<Finding> findings(
      String source,
      List<Rule> sourceRules,
      String target,
      List<Rule> targetRules,
      Function<Rule, String> add,
      Function<Rule, String> remove) {
    List<Finding> findings = new ArrayList<>();
    String subject = source + " and " + target;
    for (Rule rule : sourceRules) {
      if (!rule.comparable()) {
        findings.add(notCompared(subject, source, rule));
      } else if (!targetRules.contains(rule)) {
        findings.add(
            finding(
                Level.WARNING,
                subject,
                "%s allows '%s', %s does not.".formatted(source, rule, target),
                add.apply(rule)));
      }
    }
    for (Rule rule : targetRules) {
      if (!rule.comparable()) {
        findings.add(notCompared(subject, target, rule));
      } else if (!sourceRules.contains(rule)) {
        findings.add(
            finding(
                Level.WARNING,
                subject,
                "%s allows '%s', %s does not.".formatted(target, rule, source),
                remove.apply(rule)));
      }
    }
    if (findings.isEmpty()) {
      findings.add(
          new Finding(
              Level.NOTE,
              "security-groups",
              subject,
              "they allow the same, in %d rules.".formatted(sourceRules.size()),
              null));
    }
    return findings;
  }

  private static Finding notCompared(String subject, String group, Rule rule) {
    return new Finding(
        Level.WARNING,
        "security-groups",
        subject,
        "not compared: %s allows '%s', which means nothing on the other side. Compare it by eye."
            .formatted(group, rule),
        null);
  }

  private static Finding finding(Level level, String subject, String message, String fix) {
    return new Finding(level, "security-groups", subject, message, fix);
  }
}
