package dev.whimbrel.dns;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a probe or a health check of the DNS service's own says of one side.
 *
 * @param state whether the service answers with that side
 * @param line in words, with figures
 */
public record Health(State state, String line) {
  /** Whether the service answers with a side. */
  public enum State {
    /** It does. */
    SERVED,
    /** It does not, whatever the weights say. */
    OUT,
    /** It is out, and so is every other side: the service answers with all of them. */
    ALL_OUT,
    /** Nobody could say. */
    NOT_KNOWN
  }

  /** All of it in one line, to be put behind another; empty where there is nothing. */
  static String behind(List<Health> all) {
    return all.stream().map(each -> "; " + each.line()).collect(Collectors.joining());
  }
}
