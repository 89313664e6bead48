package dev.whimbrel.activity;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import java.util.List;

/**
 * Who uses the source, and who of them would be left alone.
 *
 * @param users everybody who was seen and can still use the source
 * @param findings a blocker for each writer that nothing makes follow, a warning for each reader
 */
public record UserReport(List<DatabaseUser> users, List<Finding> findings) {}
