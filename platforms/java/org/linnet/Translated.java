package org.linnet;

/** What an encoder-decoder made of a text. */
public final class Translated {
  private final String text;
  private final long sourceTokens;
  private final long tokens;
  private final float score;

  Translated(String text, long sourceTokens, long tokens, float score) {
    this.text = text;
    this.sourceTokens = sourceTokens;
    this.tokens = tokens;
    this.score = score;
  }

  public String text() {
    return text;
  }

  public long sourceTokens() {
    return sourceTokens;
  }

  /** Tokens of the text, its end included. */
  public long tokens() {
    return tokens;
  }

  /** See {@link TranslateOptions#lengthPenalty}. */
  public float score() {
    return score;
  }
}
