package dev.whimbrel.activity;

/**
 * What there is to copy.
 *
 * @param generations how many generations there have been: a copy that was begun before goes on
 * @param line how much it is, in words
 */
public record CopyPlan(int generations, String line) {}
