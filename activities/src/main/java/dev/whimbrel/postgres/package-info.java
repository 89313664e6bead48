/**
 * Everything that is done to a PostgreSQL server: preflight, schema, replication, switchover,
 * verification. Which step follows which does not live here.
 */
@NullMarked
package dev.whimbrel.postgres;

import org.jspecify.annotations.NullMarked;
