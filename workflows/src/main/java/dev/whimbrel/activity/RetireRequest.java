package dev.whimbrel.activity;

import dev.whimbrel.runbook.RetireSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The machines of the source's side.
 *
 * @param migration the runbook's name
 * @param retire which machines
 * @param seen the ids of those that were seen at their place since the migration began; null: of
 *     none
 * @param running the ids of those that may be terminated although they run again; null: nobody has
 *     looked whether any does
 */
public record RetireRequest(
    String migration,
    RetireSpec retire,
    @Nullable List<String> seen,
    @Nullable List<String> running) {

  /** Machines that nobody has looked at yet. */
  public RetireRequest(String migration, RetireSpec retire) {
    this(migration, retire, null, null);
  }

  /** The same, of which these were seen. */
  public RetireRequest seen(List<String> ids) {
    return new RetireRequest(migration, retire, List.copyOf(ids), running);
  }

  /** The same, of which these run again and may be terminated all the same. */
  public RetireRequest running(List<String> ids) {
    return new RetireRequest(migration, retire, seen, List.copyOf(ids));
  }

  /** Whether a machine was ever seen at its place. */
  public boolean wasSeen(String id) {
    return seen != null && seen.contains(id);
  }
}
