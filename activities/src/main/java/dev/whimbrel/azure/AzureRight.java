package dev.whimbrel.azure;

/**
 * The right that a call needs.
 *
 * @param role a built-in role that has it, such as {@code DNS Zone Contributor}
 * @param scope the id of the resource or group that it is needed for
 */
public record AzureRight(String role, String scope) {
  /** The command that grants it. */
  String grant(String assignee) {
    return "az role assignment create --assignee %s --role \"%s\" --scope %s"
        .formatted(assignee, role, scope);
  }
}
