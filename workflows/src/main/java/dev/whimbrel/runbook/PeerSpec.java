package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * A database as the other side's server reaches it, for the streams between the two.
 *
 * @param url as {@link PostgresSpec#url()}
 * @param password as {@link PostgresSpec#password()}
 */
public record PeerSpec(@JsonProperty(required = true) String url, @Nullable String password) {}
