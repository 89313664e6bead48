package dev.whimbrel.migration;

import io.temporal.common.SearchAttributeKey;

/**
 * Names under which a migration mirrors itself into its memo and search attributes, so that its
 * phase and state can be read while no worker answers a query.
 */
public final class Mirror {
  private Mirror() {}

  /** Memo: phase, as in {@link MigrationStatus#phase()}. */
  public static final String PHASE = "phase";

  /** Memo: name of the {@link MigrationStatus.State}. */
  public static final String STATE = "state";

  /** Memo: since when that state lasts, ISO 8601. */
  public static final String SINCE = "since";

  /** Memo: id of the step that runs or is waited at; empty before the first. */
  public static final String STEP = "step";

  /** Memo: what is waited for, in words; empty when nothing is. */
  public static final String WAITING_FOR = "waitingFor";

  /** Memo: {@code source}, {@code target} or {@code none}. */
  public static final String WRITES_GO_TO = "writesGoTo";

  /**
   * Memo: how it ended, a {@link MigrationResult.Ending}; empty while it runs. A workflow that was
   * cancelled closes as cancelled whatever it returns, so that this and the status are where its
   * ending stands.
   */
  public static final String RESULT = "result";

  /** Memo: the whole {@link MigrationResult}; absent while it runs. */
  public static final String ENDED_AS = "endedAs";

  /** Memo: SHA-256 of the runbook file; set by the starter. */
  public static final String RUNBOOK_HASH = "runbookHash";

  /** Search attribute: the phase. */
  public static final SearchAttributeKey<String> WHIMBREL_PHASE =
      SearchAttributeKey.forKeyword("WhimbrelPhase");

  /** Search attribute: the state. */
  public static final SearchAttributeKey<String> WHIMBREL_STATE =
      SearchAttributeKey.forKeyword("WhimbrelState");

  /** Search attribute: the runbook's service. */
  public static final SearchAttributeKey<String> WHIMBREL_SERVICE =
      SearchAttributeKey.forKeyword("WhimbrelService");
}
