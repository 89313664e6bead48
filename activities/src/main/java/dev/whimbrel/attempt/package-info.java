/** One attempt of an activity, and how long it may still act. What it acts upon lives elsewhere. */
@NullMarked
package dev.whimbrel.attempt;

import org.jspecify.annotations.NullMarked;
