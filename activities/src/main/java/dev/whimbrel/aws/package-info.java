/**
 * What every use of AWS shares: what it means when its SDK finds no credentials. What is done there
 * lives with each capability.
 */
@NullMarked
package dev.whimbrel.aws;

import org.jspecify.annotations.NullMarked;
