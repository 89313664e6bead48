package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * A database as the other side's server reaches it, for the streams between the two.
 *
 * @param url {@code postgresql://user@host:port/database?sslmode=…}, as the other side's server
 *     reaches it
 * @param password reference to the password of that user
 */
public record PeerSpec(@JsonProperty(required = true) String url, @Nullable String password) {}
