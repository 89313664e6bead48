package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.secrets.Secrets;

/** Somebody who copies a few pieces, or only looks at the snapshot. */
final class CopyPieces implements AutoCloseable {
  private final CopyRequest request;
  final CopyPair pair;

  private CopyPieces(CopyRequest request, CopyPair pair) {
    this.request = request;
    this.pair = pair;
  }

  static CopyPieces open(CopyRequest request) throws Exception {
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), request.move());
    return new CopyPieces(request, CopyPair.open(sessions, request));
  }

  /** Copies so many, and is gone. */
  static void take(CopyRequest request, int count) throws Exception {
    try (CopyPieces pieces = open(request)) {
      pieces.take(count);
    }
  }

  private void take(int count) throws Exception {
    CopyList list = new CopyList(pair.target());
    for (int i = 0; i < count; i++) {
      CopyList.Piece piece = list.take(request.move()).orElseThrow();
      long rows = new PieceWork(pair, new RowPipe()).run(piece);
      list.done(piece, rows, "");
      pair.target().commit();
    }
  }

  @Override
  public void close() {
    pair.close();
  }
}
