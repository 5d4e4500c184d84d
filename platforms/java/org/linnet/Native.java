package org.linnet;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The border to liblinnet_jni. Text crosses it as UTF-8: JNI's own strings are of a modified kind
 * that writes characters beyond U+FFFF, such as emoji, differently. Addresses are those of
 * linnet.h's handles, and nobody but {@link Handle} keeps one.
 */
final class Native {
  static {
    System.loadLibrary("linnet_jni");
  }

  private Native() {}

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8);
  }

  // ---- What native code calls ----

  static LinnetException failure(int status, byte[] message) {
    return new LinnetException(Status.of(status), text(message));
  }

  static boolean onText(TextCallback callback, byte[] text) {
    return callback.onText(text(text));
  }

  static boolean onProgress(Progress progress, float done) {
    return progress.onProgress(done);
  }

  static boolean onRunProgress(RunProgress progress, long done, long total) {
    return progress.onProgress(done, total);
  }

  // ---- Models ----

  static native byte[] version();

  /** The path ends with a zero. */
  static native long openPath(byte[] path, Progress progress);

  static native long openDescriptor(int descriptor, long offset, long size, Progress progress);

  static native long borrow(ByteBuffer bytes, int position, int size, Progress progress);

  /** Bytes from the start of a direct buffer to the next multiple of `alignment`. */
  static native int bytesToAlignment(ByteBuffer bytes, int alignment);

  static native void closeModel(long model);

  /** Name, architecture, source, licence, type of weights, and then every label. */
  static native byte[][] modelTexts(long model);

  /** In the order of ModelInfo's fields. */
  static native long[] modelNumbers(long model);

  static native void labelScores(long model, float[] logits, float[] scores);

  // ---- Text ----

  /** How many ids there are; writes as many as there is room for. */
  static native int tokenize(long model, byte[] text, boolean specialTokens, int[] ids);

  /** The same; `second` is null for a single text. */
  static native int tokenizePair(
      long model, byte[] first, byte[] second, boolean specialTokens, int[] ids, int[] types);

  static native int detokenize(long model, int[] ids, boolean specialTokens, byte[] text);

  /** The most tokens, the k of top-k; then temperature, top-p, min-p, the repetition penalty. */
  static native void generateDefaults(long model, long[] integers, float[] fractions);

  /** `generated` receives tokens of the prompt, tokens of the text, and the reason to stop. */
  static native void generate(long model, long session, byte[] prompt, long maxTokens,
      float temperature, int topK, float topP, float minP, float repetitionPenalty, long seed,
      boolean ignoreEnd, TextCallback callback, RunProgress progress, long[] generated);

  /** Beams, most tokens, least tokens, no-repeat, the forced first token; the length penalty. */
  static native void translateDefaults(long model, long[] integers, float[] fractions);

  /** `counts` receives tokens of the source and of the text, `score` the text's. */
  static native byte[] translate(long model, long session, byte[] text, int beams, long maxTokens,
      long minTokens, float lengthPenalty, int noRepeat, int forcedFirst, long[] counts,
      float[] score);

  // ---- Sessions ----

  static native long openSession(
      long model, int threads, int chunk, int context, boolean allLogits, int beams);

  static native long[] sessionBytes(
      long model, int threads, int chunk, int context, boolean allLogits, int beams);

  static native void closeSession(long session);

  static native long fork(long session);

  static native void cancel(long session);

  static native void reset(long session);

  static native long position(long session);

  static native void run(long session, int[] tokens, float[] logits, RunProgress progress);

  static native void encode(long session, int[] ids, int[] types, int[] lengths);

  /** Output number `index`: its name; rows, and whether they are per text, go to `shape`. */
  static native byte[] outputName(long session, int index, long[] shape);

  static native float[] outputValues(long session, int index);

  static native long stateBytes(long session);

  static native void saveState(long session, byte[] state);

  static native void loadState(long session, byte[] state);
}
