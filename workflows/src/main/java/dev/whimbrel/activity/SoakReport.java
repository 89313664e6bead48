package dev.whimbrel.activity;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import java.util.List;

/**
 * What a soak ended with.
 *
 * @param line one line in an operator's words
 * @param users who was seen to use the source meanwhile, a few dozen at most
 */
public record SoakReport(String line, List<DatabaseUser> users) {}
