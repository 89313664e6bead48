package dev.whimbrel.activity;

/**
 * One verification.
 *
 * @param move the databases
 * @param truth the side that takes the writes: the other one follows its stream
 * @param hash how rows are hashed, {@code sha256} or {@code fast}; where the servers do not agree
 *     about the fast hash, SHA-256 is used
 */
public record VerifyRequest(Move move, Side truth, String hash) {
  /** A request that was recorded before there was a choice knew one hash only. */
  public VerifyRequest {
    hash = hash == null ? "sha256" : hash;
  }

  /** A verification by SHA-256. */
  public VerifyRequest(Move move, Side truth) {
    this(move, truth, "sha256");
  }
}
