package dev.whimbrel.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What the ledger found when it was held against a database.
 *
 * @param acknowledged writes that a client was told are committed
 * @param inDoubt writes whose answer was lost: they may exist, once
 * @param refused writes that a client was told do not exist
 * @param lost acknowledged, and not there or there in an older state
 * @param doubled there more than once
 * @param resurrected refused or deleted, and there
 * @param handedOutTwice values of a sequence that two clients got
 * @param longestGap the longest time between two acknowledged writes
 */
public record Judgement(
    long acknowledged,
    long inDoubt,
    long refused,
    List<String> lost,
    List<String> doubled,
    List<String> resurrected,
    List<String> handedOutTwice,
    Duration longestGap) {
  public Judgement {
    lost = List.copyOf(lost);
    doubled = List.copyOf(doubled);
    resurrected = List.copyOf(resurrected);
    handedOutTwice = List.copyOf(handedOutTwice);
  }

  /** Everything that is wrong; empty when the database is what its clients were told. */
  public List<String> wrongs() {
    List<String> wrongs = new ArrayList<>();
    lost.forEach(each -> wrongs.add("lost: " + each));
    doubled.forEach(each -> wrongs.add("doubled: " + each));
    resurrected.forEach(each -> wrongs.add("resurrected: " + each));
    handedOutTwice.forEach(each -> wrongs.add("handed out twice: " + each));
    return wrongs;
  }
}
