package dev.whimbrel.servers;

import java.util.Map;

/**
 * The resources of one provider and what can be done with them: a part of {@link ArmServer}. It is
 * called by many threads at once, and keeps its own state together.
 */
public interface ArmResources {
  /**
   * The types it answers for, in lower case, each with the version of the interface that clients
   * must speak: {@code microsoft.network/dnszones} → {@code 2018-05-01}. Everything below a type is
   * answered for too, such as {@code microsoft.network/dnszones/a} or an action.
   */
  Map<String, String> apiVersions();

  /**
   * Answers one call. Rights, version, resource group and faults have been seen to.
   *
   * @param operations where long operations are begun
   */
  ArmAnswer answer(ArmRequest request, ArmOperations operations);
}
