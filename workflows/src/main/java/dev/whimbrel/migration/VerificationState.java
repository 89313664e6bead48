package dev.whimbrel.migration;

import dev.whimbrel.activity.VerificationReport;
import org.jspecify.annotations.Nullable;

/**
 * The comparisons of a migration so far.
 *
 * @param asked how often people have asked for one
 * @param answered up to which of these there is an answer: a report, or a failure
 * @param report the latest report
 * @param failure why the latest comparison that somebody asked for has no report, or null
 */
public record VerificationState(
    long asked, long answered, @Nullable VerificationReport report, @Nullable String failure) {}
