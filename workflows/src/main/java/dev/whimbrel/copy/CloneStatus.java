package dev.whimbrel.copy;

import java.util.List;

/**
 * Where a clone is.
 *
 * @param step what is being done, in words
 * @param done what was done before, in words, the oldest first
 * @param warnings what a person should know, a line each
 */
public record CloneStatus(String step, List<String> done, List<String> warnings) {}
