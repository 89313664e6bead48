/**
 * The target's machines and the source's that are retired: what is made, adopted, removed, stopped,
 * and what is never touched. How a cloud is asked for it lives in a sub-package of its own.
 */
@NullMarked
package dev.whimbrel.compute;

import org.jspecify.annotations.NullMarked;
