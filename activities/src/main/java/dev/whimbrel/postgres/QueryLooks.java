package dev.whimbrel.postgres;

import dev.whimbrel.activity.QueriesReport.Verdict;
import org.jspecify.annotations.Nullable;

/**
 * Judges one query by what was seen of it, look by look. It differs only where it did so several
 * times at exactly the same position; it is the same where it was so once there, or several times
 * elsewhere.
 */
final class QueryLooks {
  /** Looks before it is said to differ. */
  static final int DIFFERING = 3;

  /** Looks that were not exactly at one position, and found the same. */
  private static final int NEARLY = 2;

  /** What the order of rows on the disk, or the moment, makes differ though the rows do not. */
  private static final String UNCERTAIN =
      " (LIMIT or an aggregate without an order that is certain, sums of floats and now() do so too)";

  /** Looks in all. */
  static final int MOST = 8;

  private final boolean ordered;
  private int looks;
  private int differing;
  private int nearly;
  private int oneSided;
  private @Nullable Verdict verdict;
  private @Nullable String note;

  QueryLooks(boolean ordered) {
    this.ordered = ordered;
  }

  /** Both sides have answered. */
  void answered(boolean exact, QueryAnswer source, QueryAnswer target) {
    looks++;
    if (source.hasRowsOf(target)) {
      nearly++;
      if (exact || (differing == 0 && nearly >= NEARLY)) {
        same(source, target);
      }
    } else if (exact) {
      differing++;
      if (differing == DIFFERING) {
        end(
            Verdict.DIFFERS,
            source.difference(target)
                + ", %d times at the same position of the stream".formatted(DIFFERING)
                + (source.rows() == target.rows() ? UNCERTAIN : ""));
      }
    }
    atTheEnd();
  }

  private void same(QueryAnswer source, QueryAnswer target) {
    if (ordered && !source.isSameList(target)) {
      end(
          Verdict.OTHER_ORDER,
          "the same rows in another order: some tie in its ORDER BY, or the servers sort texts differently");
    } else {
      end(Verdict.SAME, null);
    }
  }

  /** Asked twice in one snapshot, a side has not said the same. */
  void changesByItself() {
    end(Verdict.NOT_COMPARED, "it returns something else each time, as random() does");
  }

  /** It failed on a side, or on both; which failure, in words. */
  void failed(@Nullable String onSource, @Nullable String onTarget) {
    looks++;
    if (onSource != null && onTarget != null) {
      end(Verdict.NOT_COMPARED, "it fails on both sides: " + onSource);
    } else if (++oneSided == 1) {
      atTheEnd(); // perhaps a cache that is cold
    } else if (onSource != null) {
      end(Verdict.FAILS_ON_ONE, "it fails on the source alone: " + onSource);
    } else {
      end(Verdict.FAILS_ON_ONE, "it fails on the target alone: " + onTarget);
    }
  }

  /** Something was in the way that passes. */
  void disturbed() {
    looks++;
    atTheEnd();
  }

  /** There is more than is compared. */
  void tooMuch(String why) {
    end(Verdict.NOT_COMPARED, why);
  }

  private void atTheEnd() {
    if (verdict == null && looks >= MOST) {
      end(
          Verdict.NOT_COMPARED,
          "in flux: in %d looks there was no position that is certain, or somebody's lock was in the way"
              .formatted(MOST));
    }
  }

  private void end(Verdict found, @Nullable String words) {
    verdict = found;
    note = words;
  }

  /** What it is; null while another look is needed. */
  @Nullable Verdict verdict() {
    return verdict;
  }

  /** What there is to say. */
  @Nullable String note() {
    return note;
  }
}
