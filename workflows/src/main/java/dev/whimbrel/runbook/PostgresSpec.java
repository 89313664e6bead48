package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL database.
 *
 * @param url {@code postgresql://user@host:port/database?sslmode=…} as the workers reach it; never
 *     with a password in it
 * @param password reference to the password; absent means trust, a certificate or {@code .pgpass}
 * @param peer how the other side's server reaches it; by default the same url and password
 * @param storage what was bought, such as {@code 2TB}; SQL cannot see it
 */
public record PostgresSpec(
    @JsonProperty(required = true) String url,
    @Nullable String password,
    @Nullable PeerSpec peer,
    @Nullable String storage) {

  /** How the other side's server reaches this database. */
  public PeerSpec reachedByPeer() {
    return peer == null ? new PeerSpec(url, password) : peer;
  }
}
