/**
 * The contract between the workflow and the outside world: activity interfaces, their requests and
 * results, and the four kinds of failure. No implementation lives here.
 */
@NullMarked
package dev.whimbrel.activity;

import org.jspecify.annotations.NullMarked;
