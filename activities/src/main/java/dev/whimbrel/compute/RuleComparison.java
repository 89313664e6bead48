package dev.whimbrel.compute;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Compares what two security groups say, rule by rule. */
public final class RuleComparison {
  /** The name of the check. */
  public static final String CHECK = "security-groups";

  private final Words words;
  private final Group source;
  private final Group target;
  private final List<Finding> findings = new ArrayList<>();

  /**
   * One rule.
   *
   * @param text all that counts of it: rules of the same text are the same
   * @param comparable whether it means the same on both sides
   * @param command what takes the difference away, where only this side has it
   */
  public record Rule(String text, boolean comparable, String command) {}

  /** A group with its rules. */
  public record Group(String name, List<Rule> rules) {}

  /**
   * How a cloud speaks of rules.
   *
   * @param has such as {@code allows}
   * @param hasNot such as {@code does not}
   * @param onlyHere why a rule cannot be compared
   * @param same what is said where nothing differs; takes the number of rules
   */
  public record Words(String has, String hasNot, String onlyHere, String same) {}

  private RuleComparison(Words words, Group source, Group target) {
    this.words = words;
    this.source = source;
    this.target = target;
  }

  /** What differs. */
  public static List<Finding> findings(Words words, Group source, Group target) {
    RuleComparison comparison = new RuleComparison(words, source, target);
    comparison.look(source, target);
    comparison.look(target, source);
    if (comparison.findings.isEmpty()) {
      comparison.add(Level.NOTE, words.same().formatted(source.rules().size()), null);
    }
    return comparison.findings;
  }

  private void look(Group one, Group other) {
    for (Rule rule : one.rules()) {
      if (!rule.comparable()) {
        add(
            Level.WARNING,
            "not compared: %s %s '%s', which %s. Compare it by eye."
                .formatted(one.name(), words.has(), rule.text(), words.onlyHere()),
            null);
      } else if (other.rules().stream().noneMatch(each -> each.text().equals(rule.text()))) {
        add(
            Level.WARNING,
            "%s %s '%s', %s %s."
                .formatted(one.name(), words.has(), rule.text(), other.name(), words.hasNot()),
            rule.command());
      }
    }
  }

  private void add(Level level, String message, @Nullable String fix) {
    findings.add(new Finding(level, CHECK, source.name() + " and " + target.name(), message, fix));
  }
}
