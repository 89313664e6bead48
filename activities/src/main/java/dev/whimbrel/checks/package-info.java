/**
 * The team's own checks, the guards and the windows of the week. What a breach or a red check leads
 * to is the workflow's business, not this package's.
 */
@NullMarked
package dev.whimbrel.checks;

import org.jspecify.annotations.NullMarked;
