package dev.whimbrel.activity;

import java.time.Instant;

/**
 * One opening of a window.
 *
 * @param opens its beginning, in the past when it is open now
 * @param closes its end
 */
public record Window(Instant opens, Instant closes) {}
