/**
 * The runbook file: its records, defaults, parsing and checking. What a key means to a server does
 * not live here, and nothing here opens a connection.
 */
@NullMarked
package dev.whimbrel.runbook;

import org.jspecify.annotations.NullMarked;
