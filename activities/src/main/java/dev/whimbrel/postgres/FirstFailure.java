package dev.whimbrel.postgres;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** What the first of several has failed with, with the failures of the others beneath it. */
final class FirstFailure {
  private @Nullable SQLException ofSql;
  private @Nullable RuntimeException other;

  void add(SQLException failure) {
    if (isFirst(failure)) {
      ofSql = failure;
    }
  }

  void add(RuntimeException failure) {
    if (isFirst(failure)) {
      other = failure;
    }
  }

  private boolean isFirst(Exception failure) {
    Exception first = ofSql == null ? other : ofSql;
    if (first != null) {
      first.addSuppressed(failure);
    }
    return first == null;
  }

  /** Throws it, if there was one. */
  void tell() throws SQLException {
    if (ofSql != null) {
      throw ofSql;
    }
    tellUnchecked();
  }

  /** Throws it, if there was one and it is unchecked. */
  void tellUnchecked() {
    if (other != null) {
      throw other;
    }
  }
}
