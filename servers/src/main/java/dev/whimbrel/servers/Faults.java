package dev.whimbrel.servers;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Which calls go wrong: by operation, by how many are let through before, and how many in all. */
final class Faults {
  static final String EVERY = "*";

  private static final class Rule {
    final String operation;
    final Fault fault;
    final boolean last;
    int letThrough;
    int left;

    Rule(String operation, int letThrough, int times, Fault fault, boolean last) {
      this.operation = operation;
      this.last = last;
      this.letThrough = letThrough;
      this.left = times;
      this.fault = fault;
    }

    boolean hits(String called) {
      if (left == 0 || !(operation.equals(EVERY) || operation.equals(called))) {
        return false;
      }
      if (letThrough > 0) {
        letThrough--;
        return false;
      }
      left--;
      return true;
    }
  }

  private final List<Rule> rules = new ArrayList<>();

  synchronized void add(String operation, int letThrough, int times, Fault fault) {
    rules.add(new Rule(operation, letThrough, times, fault, false));
  }

  /** The next call of an operation goes wrong, and every call after it is lost. */
  synchronized void addLast(String operation, Fault fault) {
    rules.add(new Rule(operation, 0, 1, fault, true));
  }

  synchronized void clear() {
    rules.clear();
  }

  /** The fault of a call that comes in now; the first rule that hits counts. */
  synchronized Optional<Fault> next(String operation) {
    Optional<Rule> hit = rules.stream().filter(rule -> rule.hits(operation)).findFirst();
    if (hit.isPresent() && hit.get().last) {
      add(EVERY, 0, Integer.MAX_VALUE, Fault.REQUEST_LOST);
    }
    return hit.map(rule -> rule.fault);
  }
}
