package dev.whimbrel.activity;

import java.util.List;

/**
 * What a watch over the kept log needs to know.
 *
 * @param move the databases, with the limit
 * @param asking whether a person is being asked: the watch ends when there is nothing to ask any
 *     more, and asks for nothing
 * @param accepted sides on whose log nobody is asked any more, since a person has let that go
 * @param wayBackLost whether the slots on the target are known to have been dropped
 */
public record WalRequest(Move move, boolean asking, List<Side> accepted, boolean wayBackLost) {}
