package org.linnet;

/** The tokens of a text or of a pair of texts, as an encoder reads them. */
public final class Tokens {
  private final int[] ids;
  private final int[] types;

  /**
   * @param ids token ids
   * @param types one token type per id, such as 1 for the second text of a pair
   */
  public Tokens(int[] ids, int[] types) {
    if (ids.length != types.length) {
      throw new IllegalArgumentException(ids.length + " ids, but " + types.length + " types");
    }
    this.ids = ids;
    this.types = types;
  }

  /** All of type 0. */
  public Tokens(int... ids) {
    this(ids, new int[ids.length]);
  }

  public int[] ids() {
    return ids;
  }

  public int[] types() {
    return types;
  }
}
