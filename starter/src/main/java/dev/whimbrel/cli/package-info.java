/**
 * The command line: reads arguments, talks to Temporal, prints. No database driver and no judgement
 * about a migration lives here; both are the worker's.
 */
@NullMarked
package dev.whimbrel.cli;

import org.jspecify.annotations.NullMarked;
