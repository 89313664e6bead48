package dev.whimbrel.migration;

/**
 * Every step of a migration, in order. Its {@link #id()} is the one name used in status, history,
 * logs, undo, retry and skip.
 */
public enum Step {
  PREFLIGHT("prepare.preflight", "look at both databases and claim them", Kind.NEEDED),
  PROVISION("prepare.provision", "make the target's machines", Kind.SKIPPABLE),
  BACKUP("prepare.backup", "back up the source", Kind.LACKING),
  PARITY("prepare.parity", "compare the environments", Kind.LACKING),
  LOWER_TTL("prepare.lower-ttl", "lower the TTL and wait one whole old TTL", Kind.SKIPPABLE),

  SCHEMA("replicate.schema", "create tables and keys on the target", Kind.NEEDED),
  WATCH_WAL("replicate.watch-wal", "watch the log that the slots keep", Kind.SKIPPABLE),
  COPY("replicate.copy", "copy the data", Kind.NEEDED),
  SUBSCRIBE("replicate.subscribe", "start the stream to the target", Kind.NEEDED),
  INDEXES("replicate.indexes", "create the other indexes and constraints", Kind.NEEDED),
  CATCH_UP("replicate.catch-up", "wait until the stream has caught up", Kind.NEEDED),
  ANALYZE("replicate.analyze", "update the target's statistics", Kind.SKIPPABLE),
  SEQUENCES("replicate.sequences", "carry the sequences over, early pass", Kind.SKIPPABLE),
  FILES("replicate.files", "copy files", Kind.LACKING),
  SOAK("replicate.soak", "lag stays under the limit, under real writes", Kind.SKIPPABLE),

  KEEP_VERIFYING("validate.keep-verifying", "compare both databases in rounds", Kind.SKIPPABLE),
  VERIFY_DATA("validate.verify-data", "compare both databases", Kind.SKIPPABLE),
  QUERIES("validate.queries", "ask both databases the same", Kind.SKIPPABLE),
  SUITE("validate.suite", "run a suite that writes, on a clone", Kind.SKIPPABLE),
  SMOKE("validate.smoke", "run the checks against the target", Kind.SKIPPABLE),
  CANARY_READY("validate.canary-ready", "prove that the target's stack may serve", Kind.SKIPPABLE),
  CANARY("validate.canary", "send real traffic by weight", Kind.SKIPPABLE),
  HOLD_SHARE("validate.hold-share", "watch who gets which share", Kind.SKIPPABLE),

  USERS("cutover.users", "see that everybody who uses the source will follow", Kind.SKIPPABLE),
  EVIDENCE("cutover.evidence", "gather what the approval rests on", Kind.NEEDED),
  APPROVAL("cutover.approval", "wait for a person's approval", Kind.NEEDED),
  OPENING("cutover.opening", "wait for the window of the week", Kind.NEEDED),
  REHEARSE_REVERSE("cutover.rehearse-reverse", "make the way back ready and prove it", Kind.NEEDED),
  CLOSE("cutover.close", "close the source for writes", Kind.NEEDED),
  KEEP_CLOSED("cutover.keep-closed", "keep the source closed", Kind.NEEDED),
  KEEP_BASE("cutover.keep-base", "keep the way back's start near the present", Kind.SKIPPABLE),
  FRESH_VERIFY("cutover.verify-data", "compare both databases once more", Kind.SKIPPABLE),
  SWITCHOVER("cutover.switchover", "hand the writes to the target", Kind.NEEDED),
  SMOKE_AGAIN("cutover.smoke-again", "run the checks again", Kind.SKIPPABLE),
  FIRST_WRITES("cutover.first-writes", "see an application's write on the target", Kind.SKIPPABLE),
  SHIFT_TRAFFIC("cutover.shift-traffic", "point the names to the target", Kind.SKIPPABLE),
  HOLD_FORWARDER("cutover.hold-forwarder", "watch the old entry point", Kind.SKIPPABLE),
  WATCH_WAY_BACK("cutover.watch-way-back", "watch the stream back to the source", Kind.SKIPPABLE),
  MONITOR("cutover.monitor", "watch the target", Kind.NEEDED),
  WINDOW("cutover.window", "keep the way back open", Kind.NEEDED),
  TAIL("cutover.tail", "wait until the old side's clients are gone", Kind.SKIPPABLE),

  END_APPROVAL("decommission.approval", "wait for a person's approval", Kind.NEEDED),
  STOP_REVERSE("decommission.stop-reverse", "drop the way back for good", Kind.NEEDED),
  FINAL_BACKUP("decommission.backup", "back up the target", Kind.LACKING),
  RESTORE_TTL("decommission.restore-ttl", "set the TTL as it was", Kind.SKIPPABLE),
  CLEAN_UP("decommission.clean-up", "remove what is left of the move", Kind.SKIPPABLE),
  RETIRE("decommission.retire", "stop the old machines", Kind.SKIPPABLE),
  TERMINATE_AFTER("decommission.keep-stopped", "keep the old machines stopped", Kind.NEEDED),
  TERMINATE_APPROVAL(
      "decommission.terminate-approval", "wait for a person's approval", Kind.NEEDED),
  TERMINATE("decommission.terminate", "terminate the old machines", Kind.SKIPPABLE),
  REPORT("decommission.report", "write the report", Kind.LACKING),

  HAND_BACK("rollback.switchover", "hand the writes back to the source", Kind.NEEDED),
  TRAFFIC_BACK("rollback.shift-traffic", "point the names back to the source", Kind.SKIPPABLE),
  UNPREPARE("rollback.unprepare", "take the switchover's preparations back", Kind.SKIPPABLE),
  DROP_SUITE("rollback.drop-suite", "drop the suite's clone", Kind.SKIPPABLE),
  UNSUBSCRIBE("rollback.unsubscribe", "end the stream to the target", Kind.SKIPPABLE),
  DROP_SCHEMA("rollback.drop-schema", "drop the copy from the target", Kind.SKIPPABLE),
  UNPROVISION("rollback.unprovision", "remove the machines that were made", Kind.SKIPPABLE),
  TTL_BACK("rollback.restore-ttl", "set the TTL as it was", Kind.SKIPPABLE),
  RELEASE("rollback.release", "take the claim on both databases back", Kind.SKIPPABLE);

  /** Outcome of a step that the runbook, or this release, leaves out. */
  public static final String NOT_CONFIGURED = "not configured";

  private enum Kind {
    NEEDED,
    SKIPPABLE,
    /** This release cannot do it yet: shown as not configured, never as done. */
    LACKING
  }

  private final String id;
  private final String title;
  private final Kind kind;

  Step(String id, String title, Kind kind) {
    this.id = id;
    this.title = title;
    this.kind = kind;
  }

  /** {@code phase.step}. */
  public String id() {
    return id;
  }

  /** What it does, in an operator's words. */
  public String title() {
    return title;
  }

  /** The phase it belongs to. */
  public String phase() {
    return id.substring(0, id.indexOf('.'));
  }

  /** Whether a person may go on without it. Never fence, drain, hand-over or authority. */
  public boolean skippable() {
    return kind == Kind.SKIPPABLE;
  }

  /** Whether this release can carry it out. */
  public boolean built() {
    return kind != Kind.LACKING;
  }

  /** {@code id: title}, the label of its activities and timers. */
  String label() {
    return id + ": " + title;
  }
}
