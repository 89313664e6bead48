package dev.whimbrel.activity;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One switchover, in either direction.
 *
 * @param move the databases
 * @param to the side that shall be the truth
 * @param pauseBudget how long writes may be held up
 * @param patience how long to wait for a side that cannot be reached before asking for help
 * @param acceptLossBy who accepts that writes which have not arrived are lost, or null when nobody
 *     does
 * @param reason why, for the record
 * @param expectedEpoch the epoch in which the caller knows the truth to be: an attempt that comes
 *     late finds a newer one and begins nothing; null begins from whatever is found
 * @param finishOnly finishes what was handed over already, and begins nothing; to the source it
 *     also takes back a hand-over whose target never opened
 * @param closing the closing of the source behind which everything was copied and compared, where
 *     no stream follows the source; null where one does, as in histories of before
 * @param hash how the rows that were in flux are hashed when they are looked at once more, as in
 *     {@link VerifyRequest}; {@code fast} where nothing is said, as in histories of before
 */
public record SwitchoverRequest(
    Move move,
    Side to,
    Duration pauseBudget,
    Duration patience,
    @Nullable String acceptLossBy,
    @Nullable String reason,
    @Nullable Long expectedEpoch,
    boolean finishOnly,
    @Nullable Integer closing,
    String hash) {

  /** A request that was recorded before there was a choice knew the fast hash only. */
  public SwitchoverRequest {
    hash = hash == null ? "fast" : hash;
  }

  /** One by the fast hash. */
  public SwitchoverRequest(
      Move move,
      Side to,
      Duration pauseBudget,
      Duration patience,
      @Nullable String acceptLossBy,
      @Nullable String reason,
      @Nullable Long expectedEpoch,
      boolean finishOnly,
      @Nullable Integer closing) {
    this(
        move,
        to,
        pauseBudget,
        patience,
        acceptLossBy,
        reason,
        expectedEpoch,
        finishOnly,
        closing,
        "fast");
  }

  /** One that begins from whatever is found. */
  public SwitchoverRequest(
      Move move,
      Side to,
      Duration pauseBudget,
      Duration patience,
      @Nullable String acceptLossBy,
      @Nullable String reason) {
    this(move, to, pauseBudget, patience, acceptLossBy, reason, null, false, null);
  }

  /** The same for a caller that knows the epoch. */
  public SwitchoverRequest inEpoch(@Nullable Long epoch) {
    return new SwitchoverRequest(
        move, to, pauseBudget, patience, acceptLossBy, reason, epoch, finishOnly, closing, hash);
  }

  /** The same, to finish what was handed over already. */
  public SwitchoverRequest toFinish() {
    return new SwitchoverRequest(
        move, to, pauseBudget, patience, acceptLossBy, reason, expectedEpoch, true, closing, hash);
  }

  /** The same for a source that stands still behind a closing. */
  public SwitchoverRequest behind(@Nullable Integer number) {
    return new SwitchoverRequest(
        move,
        to,
        pauseBudget,
        patience,
        acceptLossBy,
        reason,
        expectedEpoch,
        finishOnly,
        number,
        hash);
  }

  /** The same with rows hashed like this. */
  public SwitchoverRequest hashedBy(String word) {
    return new SwitchoverRequest(
        move,
        to,
        pauseBudget,
        patience,
        acceptLossBy,
        reason,
        expectedEpoch,
        finishOnly,
        closing,
        word);
  }
}
