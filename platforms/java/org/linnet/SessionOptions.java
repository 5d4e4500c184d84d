package org.linnet;

/** How a session runs; what is not set is Linnet's own default. */
public final class SessionOptions {
  int threads;
  int chunk;
  int context;
  boolean allLogits;
  int beams;

  /** 0: one per fast core, at most 8. */
  public SessionOptions threads(int count) {
    threads = notNegative(count);
    return this;
  }

  /**
   * Most tokens that run at once, a whole batch of an encoder's. 0: 256, or the positions of an
   * encoder, at most 512.
   */
  public SessionOptions chunk(int tokens) {
    chunk = notNegative(tokens);
    return this;
  }

  /** How many tokens softmax layers look back at; 0: 2048. */
  public SessionOptions context(int tokens) {
    context = notNegative(tokens);
    return this;
  }

  /** {@link Session#run} gives logits for every token, not for the last alone. */
  public SessionOptions allLogits(boolean wanted) {
    allLogits = wanted;
    return this;
  }

  /** Hypotheses that {@link Session#translate} may carry side by side; 0 or 1: one. */
  public SessionOptions beams(int hypotheses) {
    beams = notNegative(hypotheses);
    return this;
  }

  static int notNegative(int value) {
    if (value < 0)
      throw new IllegalArgumentException(value + " is negative");
    return value;
  }
}
