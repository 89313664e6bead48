/**
 * The bulk copy as a workflow of its own: generations, and how many work at once. Which piece is
 * copied by whom, and how, is decided where the rows are.
 */
@NullMarked
package dev.whimbrel.copy;

import org.jspecify.annotations.NullMarked;
