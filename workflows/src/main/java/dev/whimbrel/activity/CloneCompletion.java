package dev.whimbrel.activity;

import java.util.List;

/**
 * What came behind the rows of a clone.
 *
 * @param line one line in an operator's words
 * @param leftOut what could not be carried, with the reason
 */
public record CloneCompletion(String line, List<String> leftOut) {}
