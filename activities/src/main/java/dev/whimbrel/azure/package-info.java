/**
 * What every use of Azure shares: which cloud, with whose credentials, and what its errors mean.
 * What is done there lives with each capability.
 */
@NullMarked
package dev.whimbrel.azure;

import org.jspecify.annotations.NullMarked;
