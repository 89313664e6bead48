/**
 * A whole small world on one machine, and its judges: what clients were told is kept in a ledger
 * and held against the databases afterwards. Nothing here knows how a migration is carried out; the
 * product is used as an operator uses it.
 */
@NullMarked
package dev.whimbrel.lab;

import org.jspecify.annotations.NullMarked;
