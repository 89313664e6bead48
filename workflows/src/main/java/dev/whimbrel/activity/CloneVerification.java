package dev.whimbrel.activity;

/**
 * A comparison of a clone with its snapshot.
 *
 * @param request the clone and its snapshot
 * @param hash how rows are hashed, as in {@link VerifyRequest}
 */
public record CloneVerification(CopyRequest request, String hash) {}
