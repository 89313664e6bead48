package dev.whimbrel.activity;

import org.jspecify.annotations.Nullable;

/**
 * A change of addresses.
 *
 * @param move the names
 * @param found the records as found at the start of the migration
 * @param to the side that the names shall point to
 * @param share the target's percent while both sides serve, 1 to 99; null where only one does
 */
public record ShiftRequest(DnsMove move, DnsSnapshot found, Side to, @Nullable Integer share) {

  /** All to one side. */
  public ShiftRequest(DnsMove move, DnsSnapshot found, Side to) {
    this(move, found, to, null);
  }

  /**
   * A share of the traffic for the target.
   *
   * @param percent 0 to 100
   */
  public static ShiftRequest of(DnsMove move, DnsSnapshot found, int percent) {
    return percent == 0 || percent == 100
        ? new ShiftRequest(move, found, percent == 0 ? Side.SOURCE : Side.TARGET)
        : new ShiftRequest(move, found, Side.TARGET, percent);
  }

  /** What is asked for, in words. */
  public String line() {
    return share == null ? "all to the " + to.word() : share + " % to the target";
  }
}
