package dev.whimbrel.servers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The faults that were planted, and which of them comes next. */
final class ArmFaults {
  private final List<Planted> planted = new ArrayList<>();

  /** One fault, for calls {@code skip + 1} to {@code skip + times} of an operation. */
  private static final class Planted {
    private final String operation;
    private final ArmFault fault;
    private int skip;
    private int times;

    private Planted(String operation, int skip, int times, ArmFault fault) {
      this.operation = operation;
      this.skip = skip;
      this.times = times;
      this.fault = fault;
    }

    /** A star means calls, and no looks at operations: their number is a matter of time. */
    private boolean matches(String called, boolean look) {
      if (operation.endsWith("*")) {
        return !look && called.startsWith(operation.substring(0, operation.length() - 1));
      }
      return called.equals(operation);
    }
  }

  synchronized void plant(String operation, int skip, int times, ArmFault fault) {
    planted.add(new Planted(operation.toLowerCase(Locale.ROOT), skip, times, fault));
  }

  synchronized void clear() {
    planted.clear();
  }

  synchronized @Nullable ArmFault next(String method, ArmId id) {
    String called = id.operation(method).toLowerCase(Locale.ROOT);
    for (Planted each : planted) {
      if (each.matches(called, ArmOperations.isAbout(id)) && each.times > 0) {
        if (each.skip > 0) {
          each.skip--;
        } else {
          each.times--;
          return each.fault;
        }
      }
    }
    return null;
  }
}
