/**
 * The migration: its workflow, one class a phase, status, gates, parking and undo. Nothing here
 * reads a clock, a file or a socket of its own.
 */
@NullMarked
package dev.whimbrel.migration;

import org.jspecify.annotations.NullMarked;
