package dev.whimbrel.compute;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A machine that the runbook wants.
 *
 * @param name what the runbook calls it
 * @param adopt the id of one that is there already, or null
 * @param facts what it must be, by the same names as {@link Machine#facts}
 */
public record WantedMachine(String name, @Nullable String adopt, SortedMap<String, String> facts) {
  public WantedMachine {
    facts = new TreeMap<>(facts);
  }

  /** What differs from a machine that was found, in words; empty where nothing does. */
  String difference(Machine found) {
    StringBuilder text = new StringBuilder();
    for (Map.Entry<String, String> fact : facts.entrySet()) {
      String other = found.facts().getOrDefault(fact.getKey(), "none");
      if (!other.equals(fact.getValue())) {
        text.append(text.isEmpty() ? "" : ", ")
            .append("%s: expected %s, found %s".formatted(fact.getKey(), fact.getValue(), other));
      }
    }
    return text.toString();
  }
}
