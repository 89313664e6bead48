package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;

class PairTest {
  private final Connection truth = unused();
  private final Connection follower = unused();
  private final Pair pair = new Pair(truth, follower);

  /** Nobody asks it anything. */
  private static Connection unused() {
    return (Connection)
        Proxy.newProxyInstance(
            PairTest.class.getClassLoader(),
            new Class<?>[] {Connection.class},
            (self, method, arguments) -> {
              throw new UnsupportedOperationException(method.getName());
            });
  }

  private String read(Connection side, List<Connection> failing) throws SQLException {
    String name = side == truth ? "truth" : "follower";
    if (failing.stream().anyMatch(each -> each == side)) {
      throw new SQLException(name + " fails", "42501");
    }
    return name;
  }

  @Test
  void readsBothSides() throws Exception {
    Pair.Read<String> both = pair.both(side -> read(side, List.of()));

    assertThat(both).isEqualTo(new Pair.Read<>("truth", "follower"));
  }

  @Test
  void tellsTheFailureOfOneSideAsItIs() {
    for (Connection failing : List.of(truth, follower)) {
      assertThatThrownBy(() -> pair.both(side -> read(side, List.of(failing))))
          .isInstanceOf(SQLException.class)
          .hasMessage(failing == truth ? "truth fails" : "follower fails")
          .hasNoSuppressedExceptions();
    }
  }

  @Test
  void tellsTheFailureOfBothByTheTruths() {
    assertThatThrownBy(() -> pair.both(side -> read(side, List.of(truth, follower))))
        .hasMessage("truth fails")
        .satisfies(e -> assertThat(e.getSuppressed()[0]).hasMessage("follower fails"));
  }
}
