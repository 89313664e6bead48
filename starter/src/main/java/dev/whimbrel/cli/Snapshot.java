package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.migration.MigrationStatus;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A migration as the CLI sees it: the workflow's own status, merged with what its pending
 * activities say right now.
 *
 * @param status the status; when nobody answered, what the memo holds
 * @param answered whether the workflow itself answered
 * @param now what is being done right now
 * @param trouble why nobody answered, or null
 * @param at when it was looked at
 */
record Snapshot(
    MigrationStatus status,
    boolean answered,
    List<Activity> now,
    @Nullable String trouble,
    Instant at) {

  /**
   * Something that is being done.
   *
   * @param activity the activity's type, such as {@code AwaitCaughtUp}
   * @param line how far it is, or null
   * @param done units done, or null
   * @param total units in all, or null
   * @param attempt from 1
   * @param lastFailure why the attempt before failed; null on the first and in its first minute
   * @param warning what somebody should know before it does harm, or null
   */
  record Activity(
      String activity,
      @Nullable String line,
      @Nullable Long done,
      @Nullable Long total,
      int attempt,
      @Nullable String lastFailure,
      @Nullable String warning) {}

  /** The document of {@code --output json}. What is not known is null, never a guess. */
  ObjectNode json() {
    ObjectNode document = Json.MAPPER.valueToTree(status);
    if (!answered && status.result() == null) {
      document.putNull("rollback");
      document.putNull("epoch");
    }
    document.set("now", Json.MAPPER.valueToTree(now));
    if (trouble != null) {
      document.put("trouble", trouble);
    }
    return document;
  }
}
