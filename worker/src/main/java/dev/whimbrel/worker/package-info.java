/**
 * The worker: one main that reads its configuration, registers every workflow and activity, and
 * keeps secrets and untranslated exceptions from leaving. No step of a migration lives here.
 */
@NullMarked
package dev.whimbrel.worker;

import org.jspecify.annotations.NullMarked;
