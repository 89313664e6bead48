package dev.whimbrel.compute.azure;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls;
import dev.whimbrel.azure.AzureCalls.Lost;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.AzureRight;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Calls about machines, and what their errors mean: what may pass, and what a person must do. */
final class ComputeCalls {
  /** The role whose rights stand in deploy/azure/role.json. */
  static final String ROLE = "Whimbrel Machines";

  private static final Set<String> LATER =
      Set.of(
          "Conflict",
          "ReferencedResourceNotProvisioned",
          "NicReservedForAnotherVm",
          "NicInUseWithPrivateEndpoint",
          "RetryableErrorDueToAnotherOperation",
          "OperationPreempted",
          "CanceledAndSupersededDueToAnotherOperation");
  private static final Set<String> NO_ROOM =
      Set.of(
          "AllocationFailed",
          "ZonalAllocationFailed",
          "OverconstrainedAllocationRequest",
          "OverconstrainedZonalAllocationRequest");

  private ComputeCalls() {}

  /**
   * Makes a call.
   *
   * @param what the call in words, as in "Cannot make the machine …"
   * @param scope the id of the group or subscription that it is about
   * @throws io.temporal.failure.ApplicationFailure what the error means to this step
   */
  static <T> T make(String what, String scope, Supplier<T> call) {
    try {
      return raw(what, scope, call);
    } catch (Refused e) {
      throw meaning(e, scope);
    }
  }

  /** What is looked for, if it is there. */
  static <T> Optional<T> find(String what, String scope, Supplier<T> call) {
    try {
      return Optional.of(raw(what, scope, call));
    } catch (Refused e) {
      if (e.status() == 404 && !e.code().equals("SubscriptionNotFound")) {
        return Optional.empty();
      }
      throw meaning(e, scope);
    }
  }

  /**
   * Makes a call whose refusal the caller may know how to take.
   *
   * @throws Refused if it was refused
   */
  static <T> T raw(String what, String scope, Supplier<T> call) {
    try {
      return AzureCalls.make(what, new AzureRight(ROLE, scope), call);
    } catch (Lost e) {
      // Whether it was done is seen at the next attempt, which looks first.
      throw Failures.transientFailure(String.valueOf(e.getMessage()));
    }
  }

  /** What a refusal means to the step in which it came up. */
  static RuntimeException meaning(Refused refused, String scope) {
    if (LATER.contains(refused.code())) {
      return Failures.transientFailure(String.valueOf(refused.getMessage()));
    }
    String text = String.valueOf(refused.getMessage());
    String code = text.contains("quota") ? "QuotaExceeded" : refused.code();
    return refused.needsHelp(advice(code), command(code, scope));
  }

  /** What a person can do about an error. */
  static String advice(String code) {
    if (NO_ROOM.contains(code)) {
      return "retry later, or write another size or location into the runbook";
    }
    if (code.startsWith("OSProvisioning")) {
      return "read its boot log; then end the machine and retry, so that it is made anew";
    }
    return switch (code) {
      case "SkuNotAvailable", "NotAvailableForSubscription" ->
          "write another size or location into the runbook, or ask Azure to open it for the subscription";
      case "QuotaExceeded" ->
          "ask for a higher quota, or write a smaller size or another location into the runbook";
      case "ScopeLocked" -> "if it is really to go, delete the lock, then retry";
      case "PlatformImageNotFound",
          "ImageNotFound",
          "GalleryImageNotFound",
          "NotFound",
          "InvalidResourceReference",
          "InvalidParameter" ->
          "correct the runbook, or make what it names, then retry";
      default -> "remove the cause, then retry";
    };
  }

  /** The command that shows or removes the cause, or null. */
  static @Nullable String command(String code, String scope) {
    return switch (code) {
      case "SkuNotAvailable", "NotAvailableForSubscription" ->
          "az vm list-skus --resource-type virtualMachines --all --output table --location <location>";
      case "QuotaExceeded" -> "az vm list-usage --output table --location <location>";
      case "ScopeLocked" ->
          scope.contains("/resourceGroups/")
              ? "az lock list --subscription %s --resource-group %s --output table"
                  .formatted(scope.split("/", -1)[2], scope.split("/", -1)[4])
              : null;
      default -> null;
    };
  }
}
