package dev.whimbrel.activity;

import java.time.Duration;

/**
 * A soak of the forward stream.
 *
 * @param move the databases
 * @param hold how long the condition must hold
 */
public record SoakRequest(Move move, Duration hold) {}
