package dev.whimbrel.lab;

/**
 * One round of {@link PauseBenchmark}.
 *
 * @param figures what clients and engine saw
 * @param acknowledged writes that a client was told are committed
 * @param lost of these, how many are not on the target, or not in the state that was acknowledged
 * @param doubled how many are there twice, were refused or deleted and are there, or got a number
 *     of a sequence that somebody else got too
 * @param errors errors that clients saw, writes refused and in doubt included
 */
record PauseRound(PauseFigures figures, long acknowledged, int lost, int doubled, int errors) {

  static PauseRound of(PauseFigures figures, Judgement judgement, Ledger ledger) {
    return new PauseRound(
        figures,
        judgement.acknowledged(),
        judgement.lost().size(),
        judgement.wrongs().size() - judgement.lost().size(),
        ledger.errors().size());
  }
}
