package org.linnet;

/**
 * How an encoder-decoder looks for the best text. {@link Model#translateOptions} gives the model's
 * own defaults; what is not here stays as the model says.
 */
public final class TranslateOptions {
  int beams;
  long maxTokens;
  long minTokens;
  float lengthPenalty;
  int noRepeat;
  int forcedFirst;

  TranslateOptions() {}

  /**
   * Hypotheses that go on side by side, at most {@link SessionOptions#beams}; 1: the likeliest
   * token always.
   */
  public TranslateOptions beams(int count) {
    beams = SessionOptions.notNegative(count);
    return this;
  }

  /** At most as many as the decoder has positions for. */
  public TranslateOptions maxTokens(int count) {
    maxTokens = SessionOptions.notNegative(count);
    return this;
  }

  /** The text may not end before. */
  public TranslateOptions minTokens(int count) {
    minTokens = SessionOptions.notNegative(count);
    return this;
  }

  /**
   * A text's score is the logarithm of its probability divided by its number of tokens to this
   * power.
   */
  public TranslateOptions lengthPenalty(float power) {
    lengthPenalty = power;
    return this;
  }

  /** No sequence of so many tokens may stand twice; 0: any may. */
  public TranslateOptions noRepeat(int tokens) {
    noRepeat = SessionOptions.notNegative(tokens);
    return this;
  }

  /** The first token of the text, such as a language; -1: any. */
  public TranslateOptions forcedFirst(int id) {
    forcedFirst = id;
    return this;
  }
}
