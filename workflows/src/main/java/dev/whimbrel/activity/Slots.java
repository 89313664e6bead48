package dev.whimbrel.activity;

/** The replication slots of a migration, for whoever looks for them on a server. */
public final class Slots {
  private Slots() {}

  /**
   * A regular expression of PostgreSQL's that matches the name of every slot that a migration ever
   * makes, on either side, and no other; but for those of table synchronisation, which the target's
   * server names itself.
   */
  public static String pattern(String migration) {
    return "^whimbrel_"
        + migration.replace('-', '_')
        + "_(forward(_[0-9]+)?|stage|meeting|met|base|live|copy_[0-9]+)$";
  }
}
