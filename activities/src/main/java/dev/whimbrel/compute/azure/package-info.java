/**
 * Azure's virtual machines: which calls find, make, copy and end things there, and what their
 * errors mean. What may be touched is not decided here.
 */
@NullMarked
package dev.whimbrel.compute.azure;

import org.jspecify.annotations.NullMarked;
